import { connect, createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';

/**
 * The first of `count` free ports in a row. Not of those that the system gives to connections: another process could take one before the server does.
 *
 * @returns {Promise<number>}
 */
export async function freePorts(count) {
  for (;;) {
    const first = 10_000 + Math.floor(Math.random() * 20_000);
    const ports = Array.from({ length: count }, (_, i) => first + i);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return first;
  }
}

/** @returns {Promise<boolean>} whether somebody answers at a port of this machine */
export function isAnswered(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: LOOPBACK });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
