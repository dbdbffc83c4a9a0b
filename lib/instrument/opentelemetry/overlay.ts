/**
 * An object that does the same as another but for the methods in `replacements`. A class would have to repeat every method of an engine, and would lose those
 * that an engine has beside its contract, such as `admin`.
 */
export function overlay<T extends object>(target: T, replacements: Partial<T>): T {
  // One function for each method, so that `engine.send === engine.send` stays true and no call makes a new one.
  const bound = new Map<PropertyKey, unknown>();
  return new Proxy(target, {
    get(_target, name) {
      if (Object.hasOwn(replacements, name)) return replacements[name as keyof T];
      // Read from the target itself: getters of classes with private fields know no proxy.
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function' || name === 'constructor') return value;
      if (!bound.has(name)) bound.set(name, value.bind(target));
      return bound.get(name);
    },
  });
}
