/**
 * Server reflection (v1 and v1alpha), so that tools such as grpcurl need no proto files. The library answers; it is given the
 * generated descriptors.
 */
import { ReflectionService } from '@grpc/reflection';
import type { Server } from '@grpc/grpc-js';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { descriptorSet } from './gen/descriptor-set.ts';

type PackageDefinition = ConstructorParameters<typeof ReflectionService>[0];

/** Adds reflection of the services, given by their full names. */
export function addReflection(server: Server, services: readonly string[]): void {
  const fileDescriptorProtos = fileDescriptors(Buffer.from(descriptorSet, 'base64'));
  // The library takes a package as the proto loader makes it, and reads only this of it.
  const reflected = { graveyar: { format: 'Protocol Buffer 3 DescriptorProto', type: {}, fileDescriptorProtos } };
  new ReflectionService(reflected as unknown as PackageDefinition, { services: [...services] }).addToServer(server);
}

/** The files of a google.protobuf.FileDescriptorSet (field 1, repeated), each serialized. */
function fileDescriptors(set: Uint8Array): Buffer[] {
  const reader = new BinaryReader(set);
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) files.push(Buffer.from(reader.bytes()));
    else reader.skip(wireType, field);
  }
  return files;
}
