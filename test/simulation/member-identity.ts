/**
 * The identity that a simulated disk holds, in the product's own form: whoever finds it missing and has run before, or
 * finds another's, must not take part.
 *
 * Invariant: the file is there as a whole, durably, or not at all. Must not know machines.
 */
import type { FileSystem } from '../../src/storage/file-system.ts';
import { decodeIdentity, encodeIdentity } from '../../src/storage/identity.ts';

const DIRECTORY = 'identity';
const FILE = `${DIRECTORY}/member.json`;

/** The disk does not hold the identity that the machine is to take part under. */
export class IdentityRefused extends Error {
  override readonly name = 'IdentityRefused';
}

/** Proves that the disk is that of `member`; writes so on an empty one, unless the member `hasRunBefore`. */
export async function identify(fileSystem: FileSystem, member: number, hasRunBefore: boolean): Promise<void> {
  await fileSystem.makeDirectory(DIRECTORY);
  if (await fileSystem.exists(FILE)) {
    const { memberId } = decodeIdentity(await readText(fileSystem, FILE), FILE);
    if (memberId !== member) throw new IdentityRefused(`the disk is that of member ${memberId}`);
  } else {
    if (hasRunBefore) throw new IdentityRefused('the disk is not that of this member');
    await writeText(fileSystem, FILE, encodeIdentity({ memberId: member, clusterId: 'simulated', logId: member }));
  }
  // It may have been renamed and not synced by a process that was killed.
  await fileSystem.syncDirectory(DIRECTORY);
}

async function readText(fileSystem: FileSystem, path: string): Promise<string> {
  const file = await fileSystem.open(path, 'read');
  const bytes = new Uint8Array(await file.size());
  await file.read(bytes, 0);
  await file.close();
  return new TextDecoder().decode(bytes);
}

/** Writes a file that is there as a whole or not at all. */
async function writeText(fileSystem: FileSystem, path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  await fileSystem.unlink(draft);
  const file = await fileSystem.open(draft, 'create');
  await file.write([new TextEncoder().encode(text)], 0);
  await file.datasync();
  await file.close();
  await fileSystem.rename(draft, path);
}
