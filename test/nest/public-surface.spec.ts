import * as api from '../../lib/index.js';
import * as errors from '../../lib/errors/index.js';

describe('the public surface', () => {
  it('has every error class, so that users can match on them', () => {
    const named = Object.keys(errors).filter((name) => /^[A-Z].*Error$/.test(name));
    expect(named.length).toBeGreaterThan(20);
    expect(Object.keys(api)).toEqual(expect.arrayContaining(named));
  });

  it('is what is listed here, and nothing else', () => {
    const others = Object.keys(api).filter((name) => !name.endsWith('Error'));
    expect(others.toSorted()).toMatchInlineSnapshot(`
     [
       "ConsoleLogger",
       "DefaultMessageConverter",
       "ERROR_TABLE",
       "EmbeddedBroker",
       "InjectRocketTemplate",
       "LocalTransactionState",
       "ManualClock",
       "MemoryFileSystem",
       "MessageBuilder",
       "MessageListener",
       "NodeFileSystem",
       "Property",
       "RECONSUME_LATER",
       "ROCKET_CONVERTER",
       "ROCKET_ENGINE",
       "RocketHeaders",
       "RocketMessage",
       "RocketModule",
       "RocketTemplate",
       "SeededRandom",
       "SilentLogger",
       "SystemClock",
       "SystemRandom",
       "TransactionListener",
       "checkGroupName",
       "checkTopicName",
       "getRocketTemplateToken",
       "resolveBrokerOptions",
     ]
    `);
  });
});
