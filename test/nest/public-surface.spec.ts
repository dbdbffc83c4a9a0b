import * as api from '../../lib/index.js';
import * as errors from '../../lib/errors/index.js';

describe('the public surface', () => {
  it('has every error class, so that users can match on them', () => {
    const classes = Object.entries(errors).filter(([, value]) => typeof value === 'function' && 'prototype' in value);
    const named = classes.map(([name]) => name).filter((name) => name.endsWith('Error'));
    expect(named.length).toBeGreaterThan(20);
    expect(Object.keys(api)).toEqual(expect.arrayContaining(named));
  });

  it('is what is listed here, and nothing else', () => {
    const others = Object.keys(api).filter((name) => !name.endsWith('Error'));
    expect(others.toSorted()).toMatchInlineSnapshot();
  });
});
