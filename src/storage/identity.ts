/**
 * Who the owner of a data directory is: the file that is written last when a directory is created, and proves that it was
 * created completely. Layout in FORMAT.md, section "Data directory". Must not know where the file lies.
 */
import { z } from 'zod';

import { StoreError } from '../domain/errors.ts';
import { checksum } from './checksum.ts';

/** Version of the data directory as a whole that this code writes; it refuses newer ones. */
export const DIRECTORY_FORMAT_VERSION = 1;

const IDENTITY = z.object({
  memberId: z.int().positive(),
  clusterId: z.string().min(1).nullable(),
  logId: z.int().positive(),
});

export interface Identity {
  /** Random, from 1: a new directory is a new member, and never votes under an old id. */
  readonly memberId: number;
  /** Cluster that the member belongs to; null until it has joined one. */
  readonly clusterId: string | null;
  /** Random, from 1: ties the log's files to this directory. */
  readonly logId: number;
}

const ADVICE = 'Restore the file from a backup, or let the member rejoin with an empty data directory.';

/** The text of the identity file. */
export function encodeIdentity({ memberId, clusterId, logId }: Identity): string {
  const content = { format: DIRECTORY_FORMAT_VERSION, memberId, clusterId, logId };
  return `${JSON.stringify({ ...content, crc32: sign(content) }, null, 2)}\n`;
}

/** Reads the text. STORAGE_FORMAT_TOO_NEW for a newer version; STORAGE_CORRUPT when it is not what was written. */
export function decodeIdentity(text: string, path: string): Identity {
  let content: Record<string, unknown>;
  try {
    content = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch (error) {
    throw damaged(path, error);
  }
  const { crc32, ...rest } = content;
  if (crc32 !== sign(rest)) throw damaged(path);
  const format = rest['format'];
  if (typeof format === 'number' && format > DIRECTORY_FORMAT_VERSION) {
    throw new StoreError(
      'STORAGE_FORMAT_TOO_NEW',
      `${path} says format ${format}, and this server reads up to ${DIRECTORY_FORMAT_VERSION}: start the newer version that wrote it.`,
      { path, found: format, supported: DIRECTORY_FORMAT_VERSION },
    );
  }
  const parsed = IDENTITY.safeParse(rest);
  if (!parsed.success || format !== DIRECTORY_FORMAT_VERSION) throw damaged(path);
  return parsed.data;
}

/** CRC-32 of the content as JSON without spaces, its keys in the order of the file. */
function sign(content: Record<string, unknown>): string {
  return checksum(new TextEncoder().encode(JSON.stringify(content)))
    .toString(16)
    .padStart(8, '0');
}

function damaged(path: string, cause?: unknown): StoreError<'STORAGE_CORRUPT'> {
  return new StoreError('STORAGE_CORRUPT', `${path} is damaged. ${ADVICE}`, { path, advice: ADVICE }, { cause });
}
