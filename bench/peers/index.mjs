import { nats } from './nats.mjs';
import { nestjsRocket } from './nestjs-rocket.mjs';
import { pgBoss } from './pg-boss.mjs';
import { rabbitmq } from './rabbitmq.mjs';
import { redis } from './redis.mjs';
import { rocketmqJava } from './rocketmq-java.mjs';
import { rocketmq } from './rocketmq.mjs';

/**
 * @typedef {object} Peer one broker with one client
 * @property {string} name what `--only` calls it
 * @property {string} title
 * @property {string} howToGet
 * @property {() => string[]} missing what is not on this machine; nothing is called before this is empty
 * @property {() => { server: string, client: string }} versions
 * @property {Setup[]} setups each is measured by itself, with a server and a directory of its own
 * @property {(setup: Setup) => string[]} configuration lines that are printed
 * @property {(setup: Setup, place: Place) => Promise<Stoppable>} start the server, in processes of its own
 * @property {(setup: Setup, place: Place) => Promise<Client>} [connect] called in a fresh Node process
 * @property {(setup: Setup, place: Place, work: Work) => Promise<Measured>} [measure] instead of `connect`, for clients that measure themselves
 *
 * @typedef {{ name: string, isSyncedBeforeAck: boolean }} Setup
 * @typedef {{ directory: string, port: number }} Place `port` is the first of ten free ones
 * @typedef {{ stop(): Promise<void> }} Stoppable
 *
 * @typedef {object} Client
 * @property {string} [serverVersion] where only the connection tells
 * @property {(onHandled: (id: number) => void) => Promise<void>} consume starts a consumer whose handler calls `onHandled` with the payload's id
 * @property {(payload: { id: number, text: string }) => Promise<unknown>} send resolves when the broker says that it has the message
 * @property {() => Promise<void>} close
 *
 * @typedef {object} Work
 * @property {number} bodyBytes
 * @property {number} inFlight
 * @property {number} warmUpMs
 * @property {number} rounds
 * @property {number} roundMs for how long messages are sent in a round
 * @property {number} restMs
 * @property {number[]} ratesPerSecond at which latency is measured
 * @property {number} latencyMs
 *
 * @typedef {object} Measured
 * @property {number} messagesPerSecond
 * @property {number[]} rounds
 * @property {object[]} latencies
 */

/** @type {Peer[]} in the order in which they are measured */
export const peers = [nestjsRocket, redis, rabbitmq, nats, pgBoss, rocketmq, rocketmqJava];
