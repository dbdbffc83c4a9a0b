import { nestAdd } from '../../lib/schematics/nest-add.js';

const MODULE = `import { Module } from '@nestjs/common';
import { AppController } from './app.controller.js';

@Module({
  imports: [],
  controllers: [AppController],
  providers: [AppService],
})
export class AppModule {}
`;

class Files extends Map<string, string> {
  exists(path: string): boolean {
    return this.has(path);
  }

  readText(path: string): string {
    return this.get(path)!;
  }

  create(path: string, content: string): void {
    this.set(path, content);
  }

  overwrite(path: string, content: string): void {
    this.set(path, content);
  }
}

function app(files: Record<string, string> = {}): Files {
  return new Files(Object.entries({ 'package.json': '{"type":"module"}', 'src/app.module.ts': MODULE, ...files }));
}

// That the result builds and runs in new apps of Nest 11 and 12 is shown by tools/check-install.mjs.
describe('nest add nestjs-rocket', () => {
  it('imports the module, and adds a listener', () => {
    const files = app();
    nestAdd()(files);
    expect(files.get('src/app.module.ts')).toBe(`import { Module } from '@nestjs/common';
import { AppController } from './app.controller.js';
import { RocketModule } from 'nestjs-rocket';
import { HelloListener } from './rocket/hello.listener.js';

@Module({
  imports: [RocketModule.forRoot()],
  controllers: [AppController],
  providers: [AppService, HelloListener],
})
export class AppModule {}
`);
    expect(files.get('src/rocket/hello.listener.ts')).toContain("@MessageListener({ topic: 'hello'");
  });

  it('names files as the kind of the app asks for', () => {
    const files = app({ 'package.json': '{}' });
    nestAdd()(files);
    expect(files.get('src/app.module.ts')).toContain("from './rocket/hello.listener';");
  });

  it('changes nothing when it is run again, or when the module is there', () => {
    const files = app({ '.gitignore': 'node_modules' });
    nestAdd()(files);
    const before = new Map(files);
    nestAdd()(files);
    expect(new Map(files)).toEqual(before);
  });

  it('leaves a listener of that name as it is', () => {
    const files = app({ 'src/rocket/hello.listener.ts': '// mine' });
    nestAdd()(files);
    expect(files.get('src/rocket/hello.listener.ts')).toBe('// mine');
  });

  it('adds no listener when it is told so, and takes the module that is named', () => {
    const files = app({ 'lib/root.module.ts': '@Module({})\nexport class RootModule {}\n' });
    nestAdd({ sourceRoot: 'lib', module: 'root.module.ts', skipListener: true })(files);
    expect(files.get('lib/root.module.ts')).toMatch(/RocketModule\.forRoot\(\)/);
    expect(files.get('lib/root.module.ts')).toMatch(/^import \{ RocketModule \} from 'nestjs-rocket';\n/);
    expect([...files.keys()].filter((path) => path.includes('hello'))).toEqual([]);
  });

  it('keeps messages out of the repository', () => {
    const files = app({ '.gitignore': 'node_modules' });
    nestAdd()(files);
    expect(files.get('.gitignore')).toBe('node_modules\n\n# messages of nestjs-rocket\n/rocket-store\n');
    const ignored = app({ '.gitignore': 'rocket-store/\n' });
    nestAdd()(ignored);
    expect(ignored.get('.gitignore')).toBe('rocket-store/\n');
  });

  it('says what to do when there is no such module', () => {
    expect(() => nestAdd({ module: 'other.ts' })(app())).toThrow(/There is no src\/other\.ts.*--module=<file>/);
    const files = app({ 'src/app.module.ts': 'export const nothing = 1;\n' });
    expect(() => nestAdd()(files)).toThrow(/src\/app\.module\.ts has no class with @Module/);
    expect(files.get('src/app.module.ts')).toBe('export const nothing = 1;\n');
  });
});
