/**
 * An incoming transfer of a snapshot: one chunk is applied at a time, and each is confirmed with how far this member is. What is
 * sent meanwhile waits in the connection, whose flow control holds the sender back.
 */
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import type { SnapshotReceiver } from '../../cluster/transport.ts';
import { StoreError } from '../../domain/errors.ts';
import { invalidArgument } from '../../domain/validate-text.ts';
import { RaftMessage } from '../gen/graveyar/raft/v1/message.ts';
import type { CallContext } from '../call-context.ts';
import { InstallSnapshotRequest, InstallSnapshotResponse } from '../gen/graveyar/raft/v1/peer.ts';
import type { SnapshotBegin, SnapshotChunk } from '../gen/graveyar/raft/v1/peer.ts';
import { decodeRequest } from '../request-reader.ts';
import { ServerCall } from '../server-call.ts';
import { readMessage } from './message-reader.ts';
import type { IncomingCall, PeerRegistry } from './peer-registry.ts';

const nothing = (): void => undefined;

/** One transfer. */
export class SnapshotCall extends ServerCall implements IncomingCall {
  readonly #registry: PeerRegistry;
  #from = 0;
  #receiver: SnapshotReceiver | null = null;
  #complete = false;

  constructor(base: ServerInterceptingCallInterface, context: CallContext, method: string, registry: PeerRegistry) {
    super(base, context, method, context.clock.monotonicMillis());
    this.#registry = registry;
    context.add(this);
  }

  onReceiveMessage(bytes: Uint8Array): void {
    this.#step(bytes).then(
      () => {
        if (!this.ended && !this.#complete) this.readMore();
      },
      (error: unknown) => {
        this.#giveUp(error instanceof Error ? error.message : String(error));
        this.fail(error);
      },
    );
  }

  onReceiveHalfClose(): void {
    if (this.#complete) return;
    const error = invalidArgument('end', 'is missing');
    this.#giveUp(error.message);
    this.fail(error);
  }

  override onCancel(): void {
    this.#giveUp('the sender went away');
    this.#registry.forget(this.#from, this);
    super.onCancel();
  }

  drain(): void {
    this.#end('the member is stopping');
  }

  supersede(): void {
    this.#end('another process of the same member has connected');
  }

  async #step(bytes: Uint8Array): Promise<void> {
    if (this.ended) return;
    const { step } = decodeRequest(InstallSnapshotRequest, bytes);
    if (step === undefined) throw invalidArgument('step', 'says nothing', 'begin, chunk or end');
    if (this.#receiver === null) {
      if (step.$case !== 'begin') throw invalidArgument('begin', 'must come first');
      await this.#begin(step.begin);
      return;
    }
    switch (step.$case) {
      case 'begin':
        throw invalidArgument('begin', 'came twice');
      case 'chunk':
        this.#confirm(await this.#receiver.take(chunkOf(step.chunk)), false);
        return;
      case 'end':
        this.#complete = true;
        await this.#receiver.complete();
        this.#confirm(this.#receiver.nextPosition, true);
        this.succeed();
    }
  }

  async #begin({ hello, message }: SnapshotBegin): Promise<void> {
    if (hello === undefined) throw invalidArgument('begin.hello', 'must be set');
    if (message === undefined) throw invalidArgument('begin.message', 'must be set');
    this.#registry.greet(hello, this);
    this.#from = hello.from;
    const { handler, self } = this.#registry;
    const snapshot = readMessage(RaftMessage.encode(message).finish(), hello.from, self.member.id);
    if (snapshot.snapshot === null) throw invalidArgument('begin.message', 'is no MsgSnap');
    const receiver = await handler.beginSnapshot(snapshot);
    this.#receiver = receiver;
    if (this.ended) this.#giveUp('the sender went away');
    else this.#confirm(receiver.nextPosition, false);
  }

  #confirm(nextPosition: number, done: boolean): void {
    this.send(InstallSnapshotResponse.encode({ nextPosition, done }).finish(), nothing);
  }

  #end(reason: string): void {
    this.#giveUp(reason);
    this.fail(new StoreError('NOT_SERVING', reason, { reason }));
  }

  #giveUp(reason: string): void {
    if (this.#complete) return;
    this.#receiver?.abort(reason);
    this.#receiver = null;
    this.#complete = true;
  }
}

function chunkOf({ firstPosition, endPosition, crc, group }: SnapshotChunk): {
  firstPosition: number;
  endPosition: number;
  bytes: Uint8Array;
  crc: number;
} {
  return { firstPosition, endPosition, bytes: group, crc };
}
