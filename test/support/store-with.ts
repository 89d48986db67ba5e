/**
 * A store of which a few methods are replaced: the rest is the real one.
 */
import type { Store } from '../../src/storage/store.ts';

/** `inner`, but for the methods in `replaced`. */
export function storeWith(inner: Store, replaced: Partial<Store>): Store {
  return new Proxy(inner, {
    get(target, name) {
      if (name in replaced) return Reflect.get(replaced, name) as unknown;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => Reflect.apply(value, target, args) as unknown;
    },
  });
}
