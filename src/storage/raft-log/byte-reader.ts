/**
 * Reads what byte-writer.ts writes. Reading past the end, or a number that is no safe integer, yields zeros and sets
 * `failed`, so that a decoder asks once, at its end.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  uint8(): number {
    return this.#has(1) ? this.#view.getUint8(this.#at++) : 0;
  }

  uint32(): number {
    if (!this.#has(4)) return 0;
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  uint64(): number {
    const low = this.uint32();
    const value = low + this.uint32() * 2 ** 32;
    if (Number.isSafeInteger(value)) return value;
    this.#failed = true;
    return 0;
  }

  /** The next `length` bytes, as a view. */
  take(length: number): Uint8Array {
    if (!this.#has(length)) return this.#bytes.subarray(0, 0);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** All that is left, as a view. */
  rest(): Uint8Array {
    return this.take(this.left);
  }

  #has(length: number): boolean {
    if (length <= this.left) return true;
    this.#failed = true;
    return false;
  }
}
