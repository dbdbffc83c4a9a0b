// Builds and drives the Java program under interop/java. One call of `runRealBroker` is one JVM with one broker over one store directory.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const javaDir = fileURLToPath(new URL('../java/', import.meta.url));
const classpathFile = path.join(javaDir, 'target', 'classpath.txt');

// What RocketMQ's own start scripts open for it: the store unmaps its files through JDK internals.
const jvmOptions = [
  '-Xmx1g',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED',
  '--add-opens=java.base/java.nio=ALL-UNNAMED',
  '--add-opens=java.base/sun.nio.ch=ALL-UNNAMED',
  '--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED',
  '-Dio.netty.tryReflectionSetAccessible=true',
];

/** Warnings of every healthy start, and of transactions that a plan wants rolled back. */
const harmless =
  /No resource file|Load default|illegal magic code 0x0|truncate dirty logic files|build consume queue repeatedly|RocketmqTransaction/;

/**
 * Says what is missing for running a real broker.
 *
 * @returns {string | undefined} a sentence, or undefined when all is there
 */
export function whatIsMissing() {
  for (const { command, what } of [
    { command: 'java', what: 'a Java runtime (17 or newer)' },
    { command: 'javac', what: 'a Java compiler (JDK 17 or newer)' },
    { command: 'mvn', what: 'Maven (3.8 or newer)' },
  ]) {
    const probe = spawnSync(command, ['-version'], { encoding: 'utf8' });
    if (probe.error !== undefined || probe.status !== 0) {
      return `${what} is missing: "${command} -version" does not run.`;
    }
    const version = /(?:version "|javac )(\d+)/.exec(`${probe.stdout}${probe.stderr}`)?.[1];
    if (command !== 'mvn' && Number(version) < 17) {
      return `${what} is needed; "${command}" is version ${version}.`;
    }
  }
  return undefined;
}

/**
 * Compiles the Java program; Maven fetches Apache RocketMQ on the first call.
 *
 * @returns {string | undefined} a sentence when Apache RocketMQ can't be fetched
 * @throws when the program can't be compiled
 */
export function buildRealBroker() {
  if (isUpToDate()) {
    return undefined;
  }
  const built = spawnSync('mvn', ['-q', '-B', 'compile'], { cwd: javaDir, encoding: 'utf8' });
  const unreachable = /^.*Could not (?:resolve|transfer|find) .*$/m.exec(`${built.stdout}${built.stderr}`);
  if (built.status !== 0 && unreachable !== null) {
    return `Maven can not fetch Apache RocketMQ: ${unreachable[0]}`;
  }
  if (built.status !== 0) {
    throw new Error(`Maven could not build ${javaDir}:\n${built.stdout}${built.stderr}`);
  }
  return undefined;
}

/** The version of Apache RocketMQ that the Java program is built with. */
export function realBrokerVersion() {
  const version = /<rocketmq\.version>(.+)<\/rocketmq\.version>/.exec(
    readFileSync(path.join(javaDir, 'pom.xml'), 'utf8'),
  );
  return version[1];
}

function isUpToDate() {
  if (!existsSync(classpathFile)) {
    return false;
  }
  const builtAtMs =
    statSync(path.join(javaDir, 'target', 'classes', 'interop', 'Main.class'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = ['pom.xml', 'src/main/resources/rmq.logback.xml'].concat(
    ['JsonLines', 'Main', 'PlanWriter', 'RealBroker', 'StoreReader'].map(
      (name) => `src/main/java/interop/${name}.java`,
    ),
  );
  return sources.every((source) => statSync(path.join(javaDir, source)).mtimeMs <= builtAtMs);
}

/**
 * Runs one command of the Java program to its end.
 *
 * @param {object} request see Main.java; `scratchDir` and `storeDir` must be given
 * @param {object} [options]
 * @param {(said: string, child: import('node:child_process').ChildProcess) => void} [options.onSaid] called for each word on stdout
 * @returns {Promise<{ said: string[], signal: string | null, log: string }>}
 * @throws when it ends by itself with another code than 0; the error's text has what it printed and the warnings that it logged
 */
export async function runRealBroker(request, options = {}) {
  mkdirSync(request.scratchDir, { recursive: true });
  const stamp = `${request.command}-${process.hrtime.bigint()}`;
  const requestFile = path.join(request.scratchDir, `${stamp}.request.json`);
  const logFile = path.join(request.scratchDir, `${stamp}.log`);
  writeFileSync(requestFile, JSON.stringify(request));
  const classpath = [path.join(javaDir, 'target', 'classes'), readFileSync(classpathFile, 'utf8').trim()].join(
    path.delimiter,
  );
  const child = spawn(
    'java',
    [
      ...jvmOptions,
      `-Dinterop.logFile=${logFile}`,
      `-Duser.home=${request.scratchDir}`,
      `-Drocketmq.client.logRoot=${request.scratchDir}`,
      '-cp',
      classpath,
      'interop.Main',
      requestFile,
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const closed = once(child, 'close');
  const said = [];
  const printed = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (/^[A-Z]+$/.test(line)) {
      said.push(line);
      options.onSaid?.(line, child);
    } else {
      printed.push(line);
    }
  });
  createInterface({ input: child.stderr }).on('line', (line) => printed.push(line));
  const [code, signal] = await closed;
  const log = existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
  if (code !== 0 && signal === null) {
    const warnings = log.split('\n').filter((line) => / (WARN|ERROR) /.test(line) && !harmless.test(line));
    throw new Error(
      [
        `The real broker's process ended with code ${code} at "${request.command}".`,
        ...printed,
        ...warnings.slice(-20),
      ].join('\n'),
    );
  }
  return { said, signal, log };
}
