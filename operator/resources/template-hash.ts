/**
 * The hash that tells whether a pod is as its cluster's spec wants it. It is over what the spec says of every member alike, in a
 * canonical form: the order of keys does not matter, and neither the member's name, nor the size of its volume, nor what the API server
 * adds is in it.
 */
import { createHash } from 'node:crypto';

/** JSON with keys in the order of their code units and nothing that is undefined. For plain data only. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** 16 hexadecimal digits of SHA-256. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16);
}
