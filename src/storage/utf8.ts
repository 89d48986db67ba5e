/**
 * Text to UTF-8 and back, fast for the short ASCII strings that ids, types and tags are. Knows nothing of what they mean.
 *
 * For up to some 60 characters a loop in JavaScript beats the call into native code by a factor of three or more.
 */
import { Buffer } from 'node:buffer';

const SHORT = 64;

/** Bytes that `text` takes in UTF-8. */
export function utf8Length(text: string): number {
  if (text.length > SHORT) return Buffer.byteLength(text, 'utf8');
  for (let i = 0; i < text.length; i += 1) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text, 'utf8');
  }
  return text.length;
}

/** Writes `text`, which takes `length` bytes (of {@link utf8Length}), at `at`. Returns the offset after it. */
export function writeUtf8(target: Buffer, at: number, text: string, length: number): number {
  if (length === text.length && length <= SHORT) {
    for (let i = 0; i < length; i += 1) target[at + i] = text.charCodeAt(i);
  } else {
    target.write(text, at, length, 'utf8');
  }
  return at + length;
}

/** Reads the bytes from `start` to `end` as UTF-8; bytes that are not UTF-8 read as U+FFFD. */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string {
  return asBuffer(bytes).toString('utf8', start, end);
}

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
