# The server's image. Build: docker build -t graveyar_db .
# Run:   docker run -p 4000:4000 -v graveyar-data:/data graveyar_db
#
# The base needs Node 24, and glibc with apt (Debian or its like): the RocksDB binding is built against glibc and libatomic.
ARG BASE_IMAGE=node:24-bookworm-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The build needs the compiler only; no package's install script is needed for it.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY test/tsconfig.build.json test/
COPY src src
RUN node node_modules/typescript/bin/tsc -p test/tsconfig.build.json

FROM ${BASE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Native modules come with binaries for linux-x64 and linux-arm64; nothing is compiled.
RUN npm ci --omit=dev --ignore-scripts

FROM ${BASE_IMAGE}
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libatomic1 \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
RUN mkdir /data && chown 65532:65532 /data
ENV NODE_ENV=production \
  GRAVEYAR_DATA_DIRECTORY=/data \
  GRAVEYAR_HOST=0.0.0.0 \
  GRAVEYAR_METRICS_HOST=0.0.0.0
VOLUME /data
EXPOSE 4000 4001
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:4001/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1 and handles SIGTERM itself: it finishes what was admitted.
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve"]
