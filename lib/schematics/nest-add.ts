import { MetadataManager } from '@nestjs/schematics';

/** What `nest add nestjs-rocket` may be told. */
interface NestAddOptions {
  readonly sourceRoot?: string;
  readonly module?: string;
  readonly skipListener?: boolean;
}

/** What is used of the tree of files that Nest's command line hands to a schematic. */
interface FileTree {
  exists(path: string): boolean;
  readText(path: string): string;
  create(path: string, content: string): void;
  overwrite(path: string, content: string): void;
}

const LISTENER_PATH = 'rocket/hello.listener';
const LISTENER = `import { MessageListener, type RocketListener } from 'nestjs-rocket';

/** Send with \`rocketTemplate.convertAndSend('hello', 'world')\`. Throw, and the message comes again after 10 s, 30 s, 1 min, … */
@MessageListener({ topic: 'hello', consumerGroup: 'hello-listener' })
export class HelloListener implements RocketListener<string> {
  onMessage(text: string): void {
    console.log(\`received \${text}\`);
  }
}
`;
const STORE = 'rocket-store';

/** `nest add nestjs-rocket`: imports `RocketModule` into the app's module and adds a first listener. Run again, it changes nothing. */
export function nestAdd(options: NestAddOptions = {}): (tree: FileTree) => FileTree {
  const { sourceRoot = 'src', module = 'app.module.ts', skipListener = false } = options;
  return (tree) => {
    const modulePath = `${sourceRoot}/${module}`;
    if (!tree.exists(modulePath)) {
      throw new Error(
        `There is no ${modulePath} to add RocketModule to. Name the file with --module=<file>, seen from ${sourceRoot}.`,
      );
    }
    const text = tree.readText(modulePath);
    if (/\bRocketModule\b/.test(text)) return tree;
    const withModule = imported(
      inserted(text, modulePath, 'imports', 'RocketModule.forRoot()'),
      'RocketModule',
      'nestjs-rocket',
    );
    tree.overwrite(modulePath, skipListener ? withModule : withListener(tree, withModule, { sourceRoot, modulePath }));
    ignoreStore(tree);
    return tree;
  };
}

function withListener(tree: FileTree, text: string, place: { sourceRoot: string; modulePath: string }): string {
  const file = `${place.sourceRoot}/${LISTENER_PATH}.ts`;
  if (!tree.exists(file)) tree.create(file, LISTENER);
  const specifier = `./${LISTENER_PATH}${isEsModule(tree) ? '.js' : ''}`;
  return imported(inserted(text, place.modulePath, 'providers', 'HelloListener'), 'HelloListener', specifier);
}

function inserted(text: string, path: string, metadata: string, symbol: string): string {
  const changed = new MetadataManager(text).insert(metadata, symbol);
  if (changed === undefined) throw new Error(`${path} has no class with @Module({ … }) to add ${symbol} to.`);
  return changed;
}

/** After the last import: where a person would put it. */
function imported(text: string, symbol: string, specifier: string): string {
  const statement = `import { ${symbol} } from '${specifier}';\n`;
  const last = [...text.matchAll(/^import\b[^;]*;[^\S\n]*\n/gm)].at(-1);
  const end = last === undefined ? 0 : last.index + last[0].length;
  return text.slice(0, end) + statement + text.slice(end);
}

function isEsModule(tree: FileTree): boolean {
  if (!tree.exists('package.json')) return false;
  return (JSON.parse(tree.readText('package.json')) as { type?: string }).type === 'module';
}

/** Messages do not belong into the repository. */
function ignoreStore(tree: FileTree): void {
  if (!tree.exists('.gitignore')) return;
  const text = tree.readText('.gitignore');
  if (text.split('\n').some((line) => line.replace(/^\//, '').replace(/\/$/, '') === STORE)) return;
  tree.overwrite('.gitignore', `${text.replace(/\n?$/, '\n')}\n# messages of nestjs-rocket\n/${STORE}\n`);
}
