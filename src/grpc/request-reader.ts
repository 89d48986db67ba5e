/**
 * Reads request messages strictly: bytes that are no protobuf message, and text that is not UTF-8, are the caller's error and
 * never replaced silently. Knows the wire format, not what messages mean.
 * Source: protobuf encoding and language specification (proto3 strings must be valid UTF-8).
 */
import { isUtf8 } from 'node:buffer';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { StoreError } from '../domain/errors.ts';
import { invalidArgument } from '../domain/validate-text.ts';

/** Up to so many bytes, reading text byte by byte is faster than asking the runtime. */
const shortText = 24;
/** Bytes of the longest varint. */
const longestVarint = 10;

/** The library's reader, which decodes text strictly and numbers exactly. Bytes it returns are views into the message. */
export class RequestReader extends BinaryReader {
  readonly #bytes: Buffer;

  constructor(message: Uint8Array) {
    super(message);
    this.#bytes = asBuffer(message);
  }

  /** Text. Throws when it is not valid UTF-8. */
  override string(): string {
    const length = this.uint32();
    const start = this.pos;
    const end = start + length;
    if (end > this.len) throw new RangeError('it ends within a text field');
    this.pos = end;
    return length <= shortText ? this.#shortString(start, end) : this.#longString(start, end);
  }

  /** A uint64 as a number. Throws when it is not a safe integer. */
  safeInteger(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < longestVarint; count++) {
      const byte = this.#bytes[this.pos++];
      if (byte === undefined) throw new RangeError('it ends within a number');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a number in it is above 9007199254740991');
        return value;
      }
      factor *= 128;
    }
    throw new RangeError('a number in it does not end');
  }

  /** Where a nested message ends; its length is read from here. Throws when that is beyond `end`, its parent's end. */
  nestedEnd(end: number): number {
    const length = this.uint32();
    const nested = this.pos + length;
    if (nested > end) throw new RangeError('a nested message goes beyond its parent');
    return nested;
  }

  /** Throws unless the message that was to end at `end` did. */
  expectEnd(end: number): void {
    if (this.pos !== end) throw new RangeError('a field goes beyond its message');
  }

  #shortString(start: number, end: number): string {
    let text = '';
    for (let at = start; at < end; at++) {
      const byte = this.#bytes[at] ?? 0;
      if (byte > 0x7f) return this.#longString(start, end);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #longString(start: number, end: number): string {
    const text = this.#bytes.toString('utf8', start, end);
    // The runtime puts U+FFFD in place of what is not UTF-8; it may also stand there by itself.
    if (text.includes('\ufffd') && !isUtf8(this.#bytes.subarray(start, end))) {
      throw new TypeError(`the text field at byte ${start} is not valid UTF-8`);
    }
    return text;
  }
}

/** Something that decodes one message type; the generated modules are such. */
export interface MessageDecoder<T> {
  decode(reader: RequestReader): T;
}

/** Decodes a request message. Throws INVALID_ARGUMENT naming what is wrong with it. */
export function decodeRequest<T>(decoder: MessageDecoder<T>, message: Uint8Array): T {
  try {
    return decoder.decode(new RequestReader(message));
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const reason = error instanceof Error ? error.message : 'it cannot be read';
    throw invalidArgument('request', `is not a valid protobuf message: ${reason}`);
  }
}

/** The same bytes as a Buffer, without copying. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
