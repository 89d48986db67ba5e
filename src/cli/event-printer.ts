/**
 * Events on standard output as they come: aligned lines for people, or one JSON object a line for machines.
 */
import { Buffer } from 'node:buffer';
import type { RecordedEvent } from '../domain/event.ts';
import { formatEventLine } from './event-line.ts';
import { oneLine } from './table.ts';
import { write } from './terminal.ts';
import type { Terminal } from './terminal.ts';

/** Prints events. `widths` are for people; what is longer is cut at the end of the line only. */
export interface EventPrinter {
  print(event: RecordedEvent): Promise<void>;
}

const DEFAULT_WIDTH = 160;
const PREVIEW_BYTES = 1024;

/** Makes a printer; for people it writes a heading before the first event. */
export function createEventPrinter(terminal: Terminal, json: boolean): EventPrinter {
  const { stdout } = terminal;
  if (json) return { print: (event) => write(stdout, `${formatEventLine(event)}\n`) };
  const width = stdout.columns ?? DEFAULT_WIDTH;
  let heading = `${'position'.padStart(10)}  ${'revision'.padStart(8)}  ${'created'.padEnd(24)}  ${'stream'.padEnd(20)}  ${'type'.padEnd(20)}  data\n`;
  return {
    async print(event) {
      const line = [
        String(event.position).padStart(10),
        String(event.revision).padStart(8),
        new Date(event.createdAt / 1000).toISOString(),
        oneLine(event.streamId, 60).padEnd(20),
        oneLine(event.type, 60).padEnd(20),
        preview(event.data),
      ].join('  ');
      await write(stdout, `${heading}${oneLine(line, width).trimEnd()}\n`);
      heading = '';
    },
  };
}

/** The beginning of the data as text; a count of bytes when it is none. */
function preview(data: Uint8Array): string {
  const text = Buffer.from(data.buffer, data.byteOffset, Math.min(data.length, PREVIEW_BYTES)).toString();
  return text.slice(0, -1).includes('\ufffd') ? `(${data.length} bytes)` : text;
}
