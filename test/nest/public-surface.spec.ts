import * as errors from '../../lib/errors/index.js';
import * as api from '../../lib/index.js';

describe('the public surface', () => {
  it('has every error class, so that users can match on them', () => {
    const named = Object.keys(errors).filter((name) => /^[A-Z].*Error$/.test(name));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !Object.hasOwn(api, name))).toEqual([]);
  });

  it('has no helpers of the library', () => {
    const names = Object.keys(api).filter((name) => /^[a-z]/.test(name));
    expect(names.toSorted()).toEqual([
      'batchSizeOf',
      'checkGroupName',
      'checkTopicName',
      'getRocketStoreToken',
      'getRocketTemplateToken',
      'isRocketContext',
      'resolveBrokerOptions',
    ]);
  });
});
