/**
 * When garbage is collected in a server. Knows V8's flags; the server does not know that they are set.
 *
 * A server is mostly buffers: messages from and to sockets, records on their way to the disk. V8 keeps those outside of its heap and, as it
 * comes, marks the whole heap whenever 64 MiB of them have been added since the last time, however large the heap is and however
 * few are still in use: under load twice a second, for a third of all processor time.
 */
import { setFlagsFromString } from 'node:v8';

/**
 * Counts buffers as if they were on the heap, whose limit grows and shrinks with what is in use: garbage is collected when it has grown in
 * proportion to that. Memory stays bounded by V8's limit for the heap, which Node takes from the machine's or the container's memory.
 *
 * May be called at any time; holds from the next collection on, for all of the process.
 */
export function collectByHeapSize(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
}
