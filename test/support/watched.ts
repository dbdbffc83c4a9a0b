/** Tells of each call of a file system and of its open files, before it is made. */
export function watched<T extends object>(target: T, onCall: () => void): T {
  return new Proxy(target, {
    get(object, name) {
      const member = Reflect.get(object, name, object) as unknown;
      if (typeof member !== 'function') return member;
      return (...given: unknown[]): unknown => {
        onCall();
        const result = Reflect.apply(member, object, given) as unknown;
        return name === 'open' ? (result as Promise<object>).then((file) => watched(file, onCall)) : result;
      };
    },
  });
}
