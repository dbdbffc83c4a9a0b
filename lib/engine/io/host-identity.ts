import { networkInterfaces } from 'node:os';

/** What tells this process apart from others; part of the ids of its messages. */
export interface HostIdentity {
  readonly processId: number;
  /** IPv4 address, 4 bytes. The loopback address when the machine has no other. */
  readonly address: Uint8Array;
}

export function hostIdentity(): HostIdentity {
  const external = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  const address = (external?.address ?? '127.0.0.1').split('.').map(Number);
  return { processId: process.pid, address: Uint8Array.from(address) };
}
