/**
 * The yardstick of benchmarks: a plain grpc-js server whose AppendEvent does nothing and answers an empty message. What any
 * server of this library can reach at best, when it is used the usual way. Not part of the product's server.
 */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { limits } from '../domain/limits.ts';
import { EventStoreService } from './gen/graveyar/v1/event_store.ts';

const identity = (bytes: Buffer): Buffer => bytes;
const nothing = Buffer.alloc(0);

/** Listens on a free port of `host`, which it resolves with. It runs until the process ends. */
export function startEmptyServer(host: string): Promise<number> {
  const server = new Server({ 'grpc.max_receive_message_length': limits.requestBytes });
  const appendEvent = {
    ...EventStoreService.appendEvent,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  };
  server.addService(
    { appendEvent },
    {
      appendEvent: (_call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
        answer(null, nothing);
      },
    },
  );
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:0`, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}
