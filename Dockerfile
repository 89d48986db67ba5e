# One image for the server and the operator. Build: docker build -t graveyar_db .
# Server:   docker run -p 4000:4000 -v graveyar-data:/data graveyar_db
# Operator: the same image with the command `node /app/dist/operator/main.js`, which its chart gives.
#
# BUILD_IMAGE has Node 24, npm and apt. BASE_IMAGE, on which the result stands, needs only glibc 2.36 and libstdc++, as
# a slim Debian has. Nothing is run in it, so it needs no shell.
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG BASE_IMAGE=debian:bookworm-slim

# What the base lacks: libatomic (the RocksDB binding needs it), Node itself, and a directory for data that is not root's.
FROM ${BUILD_IMAGE} AS system
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libatomic1 \
  && mkdir -p /system/usr/local/bin /volume/data \
  && cp --parents --no-dereference /usr/lib/*-linux-gnu/libatomic.so.1* /system/ \
  && cp /usr/local/bin/node /system/usr/local/bin/node

FROM ${BUILD_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The build needs the compiler only; no package's install script is needed for it.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY test/tsconfig.build.json test/
COPY src src
COPY operator operator
# Types are checked where the tests are run.
RUN node node_modules/typescript/bin/tsc -p test/tsconfig.build.json --noCheck --declaration false

FROM ${BUILD_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Native modules come with binaries for every platform: nothing is compiled, and those of other platforms stay behind, as does what
# only compilers and debuggers read.
RUN npm ci --omit=dev --ignore-scripts \
  && find node_modules -path '*/prebuilds/*' -prune ! -name "linux-$(node -p process.arch)" -exec rm -r {} + \
  && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.map' \) -delete

FROM ${BASE_IMAGE}
WORKDIR /app
COPY --from=system /system /
COPY --from=system --chown=65532:65532 /volume /
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
ENV NODE_ENV=production \
  GRAVEYAR_DATA_DIRECTORY=/data \
  GRAVEYAR_HOST=:: \
  GRAVEYAR_METRICS_HOST=::
VOLUME /data
EXPOSE 4000 4001 4002
# A number, so that Kubernetes can see that it is not root. The root file system may be read-only.
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:4001/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1 and handles SIGTERM itself: it finishes what was admitted.
ENTRYPOINT ["node", "/app/dist/src/main.js"]
CMD ["serve"]
