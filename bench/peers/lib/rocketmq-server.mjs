// A name server, and a broker with its gRPC proxy in one process, by Apache RocketMQ's own main classes: from an unpacked distribution, or the jars of Maven Central.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { realBrokerVersion } from '../../../interop/lib/real-broker.mjs';
import { findProgram } from './programs.mjs';
import { startInTurn, startServer } from './server-process.mjs';

const fetchedClasspath = fileURLToPath(new URL('../../../interop/java/target/peers-classpath.txt', import.meta.url));
const CLUSTER = 'DefaultCluster';
export const TOPIC = 'peers';
const TOPIC_TRIES = 20;

/** What RocketMQ's start scripts give its broker, with a smaller heap. */
const JVM_OPTIONS = [
  '-Xms2g',
  '-Xmx2g',
  '-XX:+UseG1GC',
  '-XX:G1HeapRegionSize=16m',
  '-XX:G1ReservePercent=25',
  '-XX:InitiatingHeapOccupancyPercent=30',
  '-XX:SoftRefLRUPolicyMSPerMB=0',
  '-XX:-OmitStackTraceInFastThrow',
  '-XX:+AlwaysPreTouch',
  '-XX:-UseLargePages',
];
const SMALL_JVM_OPTIONS = ['-Xms512m', '-Xmx512m', '-XX:+UseG1GC'];
/** The store unmaps its files through JDK internals. */
const OPENED = ['java.base/java.nio', 'java.base/sun.nio.ch', 'java.base/jdk.internal.misc'];

export const HOW_TO_GET_ROCKETMQ =
  `Apache RocketMQ: mvn -q -B -f interop/java/pom.xml -P peers generate-resources fetches ${realBrokerVersion()}, ` +
  'or set ROCKETMQ_HOME to an unpacked distribution of 5.3.x; Java 17: apt-get install openjdk-17-jre-headless';

export const java = () => findProgram('java');
export const distribution = () => process.env.ROCKETMQ_HOME;

/** @returns {string[]} */
export function missingServer() {
  const missing = java() === undefined ? ['the program java'] : [];
  if (distribution() === undefined ? !existsSync(fetchedClasspath) : jarVersion('broker') === undefined) {
    missing.push('Apache RocketMQ');
  }
  return missing;
}

export function serverVersion() {
  const version = distribution() === undefined ? realBrokerVersion() : jarVersion('broker');
  return `Apache RocketMQ ${version}`;
}

/** The version of one of RocketMQ's artifacts in the distribution. */
export function jarVersion(artifact) {
  const lib = join(distribution(), 'lib');
  if (!existsSync(lib)) return undefined;
  const pattern = new RegExp(`^rocketmq-${artifact}-(\\d.*)\\.jar$`);
  return readdirSync(lib)
    .map((name) => pattern.exec(name)?.[1])
    .find(Boolean);
}

export function serverConfiguration({ flushDiskType }, queues) {
  return [
    `broker: flushDiskType=${flushDiskType}, ASYNC_MASTER without a slave, topic with ${queues} queues; with its proxy in local mode, one JVM: ${JVM_OPTIONS.join(' ')}`,
  ];
}

/** Where everything listens. The proxy's two ports are open on all interfaces: it has no setting for that. */
export function ports({ port }) {
  return { grpc: port, remoting: port + 1, nameServer: port + 2, broker: port + 6, highAvailability: port + 7 };
}

export const nameServerAddress = (place) => `127.0.0.1:${ports(place).nameServer}`;

/** @returns {string[]} arguments for java: options, then the main class and what it is to get */
export function javaArguments({ directory }, options, mainClass, ...args) {
  const classpath =
    distribution() === undefined ? readFileSync(fetchedClasspath, 'utf8').trim() : join(distribution(), 'lib', '*');
  const opened = OPENED.map((name) => `--add-opens=${name}=ALL-UNNAMED`);
  // Logs and caches go to the home directory by default.
  const properties = [
    `-Duser.home=${directory}`,
    `-Drocketmq.home.dir=${directory}`,
    `-Drmq.logback.configurationFile=${join(directory, 'logback.xml')}`,
  ];
  return [...options, ...opened, ...properties, '-cp', classpath, mainClass, ...args];
}

export const clientArguments = (place, mainClass, ...args) =>
  javaArguments(place, SMALL_JVM_OPTIONS, mainClass, ...args);

/** @returns {Promise<import('../index.mjs').Stoppable>} */
export async function startRocketmq({ flushDiskType }, place, queues) {
  const { directory } = place;
  const { grpc, remoting, nameServer, broker, highAvailability } = ports(place);
  const write = (name, text) => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  write('logback.xml', LOGBACK);
  const nameServerConf = write('namesrv.conf', properties({ listenPort: nameServer, bindAddress: '127.0.0.1' }));
  const brokerConf = write(
    'broker.conf',
    properties({
      brokerClusterName: CLUSTER,
      brokerName: 'broker-a',
      brokerId: 0,
      brokerRole: 'ASYNC_MASTER',
      brokerIP1: '127.0.0.1',
      bindAddress: '127.0.0.1',
      listenPort: broker,
      haListenPort: highAvailability,
      namesrvAddr: nameServerAddress(place),
      storePathRootDir: join(directory, 'store'),
      storePathCommitLog: join(directory, 'store', 'commitlog'),
      flushDiskType,
    }),
  );
  const proxyConf = write(
    'rmq-proxy.json',
    JSON.stringify({
      rocketMQClusterName: CLUSTER,
      proxyMode: 'LOCAL',
      namesrvAddr: nameServerAddress(place),
      grpcServerPort: grpc,
      remotingListenPort: remoting,
    }),
  );
  const options = { directory, env: { ...process.env, ROCKETMQ_HOME: directory, RMQ_PROXY_HOME: directory } };
  const run = (port, args) => startServer(java(), args, options, (started) => started.untilAnswers(port));
  const nameServerMain = 'org.apache.rocketmq.namesrv.NamesrvStartup';
  const proxyMain = 'org.apache.rocketmq.proxy.ProxyStartup';
  const proxyArguments = ['-pm', 'local', '-bc', brokerConf, '-pc', proxyConf];
  const servers = await startInTurn(
    () => run(nameServer, javaArguments(place, SMALL_JVM_OPTIONS, nameServerMain, '-c', nameServerConf)),
    () => run(grpc, javaArguments(place, JVM_OPTIONS, proxyMain, ...proxyArguments)),
  );
  try {
    makeTopic(place, queues);
  } catch (error) {
    await servers.stop();
    throw error;
  }
  return servers;
}

/** The broker answers some time before the name server knows it. */
function makeTopic(place, queues) {
  const tool = 'org.apache.rocketmq.tools.command.MQAdminStartup';
  const topic = ['-t', TOPIC, '-r', queues, '-w', queues, '-a', '+message.type=NORMAL'].map(String);
  const args = ['updateTopic', '-n', nameServerAddress(place), '-c', CLUSTER, ...topic];
  const options = { cwd: place.directory, encoding: 'utf8' };
  let said;
  for (let i = 0; i < TOPIC_TRIES; i++) {
    const { stdout, stderr } = spawnSync(java(), clientArguments(place, tool, ...args), options);
    if (stdout.includes('success')) return;
    said = stdout + stderr;
  }
  throw new Error(`The topic can not be made:\n${said}`);
}

const properties = (values) =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');

const LOGBACK = `<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{HH:mm:ss.SSS} %-5p %c - %m%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="OUT"/></root>
</configuration>
`;
