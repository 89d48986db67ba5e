/** The part of fs-native-extensions (which has no types) that file-lock.ts uses. */
declare module 'fs-native-extensions' {
  /** Takes an exclusive lock on the whole open file; false when another open file holds one. */
  export function tryLock(descriptor: number): boolean;
}
