// Carries out a plan with our engine, through the same calls that an application has.
import { withStore } from './engine-side.mjs';

/** Sends under way at once: enough for the group commit to have something to do. */
const IN_FLIGHT = 200;

/**
 * @param {object} engine from `loadEngine`
 * @param {object} target storeDir, sizes, and further options of the broker
 * @param {object[]} plan
 * @returns {Promise<object[]>} a result for each step that stores a message
 */
export async function writeWithEngine(engine, { storeDir, sizes, options = {} }, plan) {
  await prepare(engine, storeDir, sizes, plan);
  const results = await putPastTheBroker(engine, storeDir, sizes, plan);
  const broker = new engine.EmbeddedBroker(
    { ...options, store: { path: storeDir, ...sizes.options } },
    { logger: new engine.SilentLogger() },
  );
  await broker.start();
  try {
    const run = new PlanRun(engine, broker, plan);
    for (const step of plan) {
      await run.carryOut(step);
    }
    await run.flush();
    await run.finish();
    results.push(...run.results);
  } finally {
    await broker.close();
  }
  return results;
}

async function prepare(engine, storeDir, sizes, plan) {
  await withStore(engine, storeDir, sizes, async (store) => {
    for (const { topic, readQueueNums, writeQueueNums } of plan.filter((step) => step.op === 'topic')) {
      await store.topics.put({
        topicName: topic,
        readQueueNums,
        writeQueueNums,
        perm: 6,
        topicFilterType: 'SINGLE_TAG',
        topicSysFlag: 0,
        order: false,
        attributes: {},
      });
    }
    for (const { group } of plan.filter((step) => step.op === 'group')) {
      await store.groups.ensure(group);
    }
  });
}

/** Records that the broker's send would refuse or change: without properties, or with a longer topic than a user may name. */
async function putPastTheBroker(engine, storeDir, sizes, plan) {
  const steps = plan.filter((step) => step.op === 'put');
  if (steps.length === 0) {
    return [];
  }
  return withStore(engine, storeDir, sizes, async (store) => {
    const results = [];
    for (const { id, topic, queueId, propertiesText, body } of steps) {
      const appended = await store.messages.append({
        topic,
        queueId,
        body: Buffer.from(body, 'base64'),
        properties: propertiesText,
        tags: property(propertiesText, 'TAGS'),
        keys: property(propertiesText, 'KEYS'),
        uniqKey: undefined,
        delayLevel: 0,
        flag: 0,
        sysFlag: 0,
        bornTimestampMs: Date.now(),
        bornHost: undefined,
        reconsumeTimes: 0,
        preparedTransactionOffset: 0,
        waitStoreMsgOK: true,
      });
      results.push({ id, op: 'put', sendStatus: 'PUT_OK', queueId, queueOffset: appended.queueOffset });
    }
    return results;
  });
}

function property(propertiesText, name) {
  const pairs = propertiesText.split('\u0002').map((pair) => pair.split('\u0001'));
  return pairs.find(([first]) => first === name)?.[1];
}

/** One run over a plan: sends wait in a window, everything else comes after the sends before it. */
class PlanRun {
  results = [];
  #engine;
  #broker;
  #window = [];
  #toSendBack;
  #offsets;
  #retriesSeen = 0;
  #consumers = [];

  constructor(engine, broker, plan) {
    this.#engine = engine;
    this.#broker = broker;
    this.#toSendBack = new Map(
      plan
        .filter((step) => step.op === 'sendBack')
        .map((step) => [`${step.topic} ${step.queueId} ${step.offset}`, step]),
    );
    this.#offsets = plan.filter((step) => step.op === 'commitOffset');
  }

  async carryOut(step) {
    switch (step.op) {
      case 'send':
        return this.#enqueue(() => this.#send(step));
      case 'batch':
        return this.#enqueue(() => this.#sendBatch(step));
      case 'half':
        return this.#enqueue(() => this.#sendHalf(step));
      case 'sendBack':
        await this.flush();
        return this.#startFailingGroup(step);
      case 'awaitQueue':
        await this.flush();
        return this.#awaitRetries(step);
      case 'recall':
        await this.flush();
        return this.#recall(step);
      case 'timers':
        await this.flush();
        return this.#countTimers(step);
      case 'pause':
        return new Promise((resolve) => setTimeout(resolve, step.ms));
      case 'topic':
      case 'group':
      case 'put':
      case 'commitOffset':
        return undefined;
      default:
        throw new Error(`our engine can't do "${step.op}"`);
    }
  }

  async #enqueue(work) {
    this.#window.push(work());
    if (this.#window.length >= IN_FLIGHT) {
      await this.flush();
    }
  }

  async flush() {
    const results = await Promise.all(this.#window.splice(0));
    this.results.push(...results);
  }

  /** Consumes up to the offsets that the plan names, and ends all consumers. */
  async finish() {
    const groups = new Map();
    for (const { group, topic, queueId, offset } of this.#offsets) {
      const topics = groups.get(group) ?? new Map();
      groups.set(group, topics.set(topic, (topics.get(topic) ?? new Map()).set(queueId, offset)));
    }
    for (const [group, topics] of groups) {
      if (!this.#consumers.some((consumer) => consumer.group === group)) {
        this.#consumers.push(await this.#consumeUpTo(group, topics));
      }
    }
    await Promise.all(this.#consumers.map((consumer) => consumer.close({ timeoutMs: 200 })));
  }

  async #send(step) {
    const { id, topic, queueId, hashKey, tags, keys, properties, flag, delayLevel, waitStoreMsgOK, body } = step;
    const message = {
      topic,
      queueId,
      shardingKey: hashKey,
      tags,
      keys,
      properties,
      flag,
      delayLevel,
      delayMs: step.delayMs,
      deliverAtMs: step.deliverAfterMs === undefined ? undefined : Date.now() + step.deliverAfterMs,
      waitStoreMsgOK,
      body: Buffer.from(body, 'base64'),
    };
    const sent = await this.#broker.send(message, { timeoutMs: 60_000 });
    return result(id, 'send', sent);
  }

  async #sendBatch({ id, queueId, messages }) {
    const parts = messages.map(({ topic, tags, keys, properties, body }) => ({
      topic,
      queueId,
      tags,
      keys,
      properties,
      body: Buffer.from(body, 'base64'),
    }));
    return result(id, 'batch', await this.#broker.sendBatch(parts, { timeoutMs: 60_000 }));
  }

  async #sendHalf({ id, topic, tags, keys, properties, producerGroup, state, body }) {
    const sent = await this.#broker.sendHalf(
      { topic, tags, keys, properties, body: Buffer.from(body, 'base64') },
      producerGroup,
    );
    await this.#broker.endTransaction(sent.transactionId, state);
    return result(id, 'half', sent);
  }

  /** Takes back a timer message: one that a step of this plan sent, or any by its handle. */
  async #recall({ id, topic, of, handle }) {
    const recallHandle = handle ?? this.results.find((sent) => sent.id === of).recallHandle;
    this.results.push({ id, op: 'recall', msgId: await this.#broker.recall(topic, recallHandle) });
  }

  /** How many timers wait, after all that was sent is in the index. */
  async #countTimers({ id }) {
    await this.#broker.whenIdle();
    this.results.push({ id, op: 'timers', pending: this.#broker.admin.delays.timers().total });
  }

  /** A consumer whose handler fails for the messages that the plan sends back, at their first delivery. */
  async #startFailingGroup({ group, topic }) {
    if (this.#consumers.some((consumer) => consumer.group === group)) {
      return;
    }
    const consumer = await this.#broker.subscribe({
      group,
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions: [
        {
          topic,
          delayLevelWhenNextConsume: 1,
          handler: (message) => {
            if (message.reconsumeTimes > 0) {
              this.#retriesSeen++;
              return;
            }
            const step = this.#toSendBack.get(`${topic} ${message.queueId} ${message.queueOffset}`);
            if (step?.delayLevel === -1) {
              throw new this.#engine.NonRetryableError('the plan wants a dead letter');
            }
            if (step !== undefined) {
              throw new Error('the plan wants a retry');
            }
          },
        },
      ],
    });
    this.#consumers.push(consumer);
  }

  async #awaitRetries({ topic, count, timeoutMs }) {
    if (!topic.startsWith('%RETRY%')) {
      await this.#broker.whenIdle();
      return;
    }
    const wanted = [...this.#toSendBack.values()].filter((step) => step.delayLevel > 0).length;
    const deadline = Date.now() + timeoutMs;
    while (this.#retriesSeen < wanted) {
      if (Date.now() > deadline) {
        throw new Error(`${this.#retriesSeen} of ${wanted} retries came back (the queue should hold ${count})`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** A group that handles each queue's messages up to an offset, and hangs at the next: its offsets are then exactly these. */
  async #consumeUpTo(group, topics) {
    const missing = new Set();
    const consumer = await this.#broker.subscribe({
      group,
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions: [...topics].map(([topic, limits]) => {
        for (const [queueId, offset] of limits) {
          if (offset > 0) {
            missing.add(`${topic} ${queueId} ${offset - 1}`);
          }
        }
        return {
          topic,
          // Handlers that hang in one queue must not keep those of another from running.
          concurrency: 1000,
          pullThresholdForQueue: 16,
          handler: (message) => {
            missing.delete(`${topic} ${message.queueId} ${message.queueOffset}`);
            const limit = limits.get(message.queueId) ?? 0;
            return message.queueOffset < limit ? undefined : new Promise(() => {});
          },
        };
      }),
    });
    const deadline = Date.now() + 10_000;
    while (missing.size > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return consumer;
  }
}

function result(id, op, sent) {
  const { sendStatus, msgId, offsetMsgId, queueOffset, transactionId, recallHandle } = sent;
  const { queueId } = sent.messageQueue;
  return { id, op, sendStatus, msgId, offsetMsgId, queueId, queueOffset, transactionId, recallHandle };
}
