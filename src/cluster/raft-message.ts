/**
 * The part of the Raft core's vocabulary that a transport needs: what it carries, and which kind a message is. Only re-exports.
 */
export { MessageType, isLocalMessage } from '../raft/messages.ts';
export type { ConfState, Entry, Message, Snapshot } from '../raft/messages.ts';
