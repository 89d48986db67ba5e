/**
 * An image of one program, as an archive that container runtimes import. Made from files alone, without an engine.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Writes the archive of an image that has only this (static) program and runs it. `scratch` must exist; returns the file. */
export function writeProgramImage(reference: string, program: string, scratch: string): string {
  const directory = mkdtempSync(join(scratch, 'image-'));
  try {
    const name = basename(program);
    const files = join(directory, 'files');
    mkdirSync(files);
    copyFileSync(program, join(files, name));
    const layer = join(directory, 'layer.tar');
    tar(files, layer, [name]);
    const difference = `sha256:${createHash('sha256').update(readFileSync(layer)).digest('hex')}`;
    const config = {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Entrypoint: [`/${name}`], User: '65532:65532' },
      rootfs: { type: 'layers', diff_ids: [difference] },
    };
    writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
    const manifest = [{ Config: 'config.json', RepoTags: [reference], Layers: ['layer.tar'] }];
    writeFileSync(join(directory, 'manifest.json'), JSON.stringify(manifest));
    const archive = join(scratch, `${name}.tar`);
    tar(directory, archive, ['manifest.json', 'config.json', 'layer.tar']);
    return archive;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function tar(directory: string, archive: string, entries: readonly string[]): void {
  const options = ['--create', '--file', archive, '--directory', directory, '--owner=0', '--group=0', '--mode=a+rX'];
  execFileSync('tar', [...options, ...entries], { timeout: 60_000 });
}
