/**
 * Opens a member of a cluster on local disk, which for a single node is all of it.
 */
import type { OpenReplicatedStoreOptions, ReplicatedNode } from './replicated-node.ts';

/**
 * Opens, or creates, the member in the data directory at `path`. Resolves when it has recovered and takes part; a cluster of one
 * then leads. Errors as openLocalStore.
 */
export function openReplicatedStore(_path: string, _options: OpenReplicatedStoreOptions = {}): Promise<ReplicatedNode> {
  return Promise.reject(new Error('not yet'));
}
