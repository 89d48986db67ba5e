/**
 * Objects of one kind as they were last seen, by place and by group (such as the cluster they belong to). Filled by a list-watch and by
 * the answers to own writes, whichever is newer.
 *
 * Invariant: an object never goes back to an older resourceVersion, except by a whole new list, which is what the API server has
 * (it may have been restored from a backup).
 */
import { keyOf, refOf } from './object.ts';
import type { KubernetesObject, ObjectRef } from './object.ts';

/** Told of a change, after it. `before` null: it is new; `after` null: it is gone. Must not throw. */
export type ChangeListener<T> = (after: T | null, before: T | null) => void;

/** Objects of one kind. */
export class ObjectCache<T extends KubernetesObject> {
  readonly #objects = new Map<string, T>();
  readonly #groups = new Map<string, Set<string>>();
  readonly #groupOf: (object: T) => string | null;
  readonly #listeners: ChangeListener<T>[] = [];

  /** `groupOf`: the group of an object, null: none. */
  constructor(groupOf: (object: T) => string | null) {
    this.#groupOf = groupOf;
  }

  /** How many objects it has. */
  get size(): number {
    return this.#objects.size;
  }

  /** Tells of every change from now on. */
  listen(listener: ChangeListener<T>): void {
    this.#listeners.push(listener);
  }

  get(ref: ObjectRef): T | null {
    return this.#objects.get(keyOf(ref)) ?? null;
  }

  /** All, in no order. */
  all(): readonly T[] {
    return [...this.#objects.values()];
  }

  /** Those of a group, in no order. */
  ofGroup(group: string): readonly T[] {
    return [...(this.#groups.get(group) ?? [])].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Takes an object in, unless what is here is as new. */
  put(object: T): void {
    const before = this.#objects.get(keyOf(refOf(object))) ?? null;
    if (before === null || isNewer(object, before)) this.#set(object, before);
  }

  /** Takes an object out, unless what is here is newer, such as another one of the same name. */
  remove(object: T): void {
    const before = this.#objects.get(keyOf(refOf(object))) ?? null;
    if (before !== null && !isNewer(before, object)) this.#unset(before);
  }

  /** Makes the cache hold exactly these. */
  replace(objects: readonly T[]): void {
    const keys = new Set(objects.map((object) => keyOf(refOf(object))));
    for (const [key, before] of [...this.#objects]) if (!keys.has(key)) this.#unset(before);
    for (const object of objects) {
      const before = this.#objects.get(keyOf(refOf(object))) ?? null;
      if (before?.metadata?.resourceVersion !== object.metadata?.resourceVersion || before === null) {
        this.#set(object, before);
      }
    }
  }

  #set(object: T, before: T | null): void {
    const key = keyOf(refOf(object));
    // Who wrote which field is often the largest part of an object.
    const kept = { ...object, metadata: { ...object.metadata, managedFields: undefined } };
    if (before !== null) this.#ungroup(key, before);
    this.#objects.set(key, kept);
    const group = this.#groupOf(kept);
    if (group !== null) {
      const members = this.#groups.get(group) ?? new Set();
      this.#groups.set(group, members.add(key));
    }
    for (const listener of this.#listeners) listener(kept, before);
  }

  #unset(before: T): void {
    const key = keyOf(refOf(before));
    this.#objects.delete(key);
    this.#ungroup(key, before);
    for (const listener of this.#listeners) listener(null, before);
  }

  #ungroup(key: string, object: T): void {
    const group = this.#groupOf(object);
    if (group === null) return;
    const members = this.#groups.get(group);
    members?.delete(key);
    if (members?.size === 0) this.#groups.delete(group);
  }
}

/** Whether `a` is a later version than `b`; versions that are no numbers always are. */
function isNewer(a: KubernetesObject, b: KubernetesObject): boolean {
  const [left, right] = [a.metadata?.resourceVersion ?? '', b.metadata?.resourceVersion ?? ''];
  if (!/^\d{1,20}$/.test(left) || !/^\d{1,20}$/.test(right)) return left !== right;
  // Of 64 bits, so not always a safe integer.
  return left.length === right.length ? left > right : left.length > right.length;
}
