# syntax=docker/dockerfile:1
# One image for every process: subgraphs, gateways and the provision command. docs/deployment.md says how it is run.
FROM node:22-bookworm-slim AS build
WORKDIR /src
ENV NODE_ENV=development APOLLO_TELEMETRY_DISABLED=true
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node ops/build/build.mjs && node ops/build/image-files.mjs --out /image && mkdir -p /image-data

FROM node:22-bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ACGS" \
      org.opencontainers.image.description="Control plane for governing AI systems in production: one federated GraphQL graph under a constitutional hash" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Nothing is installed in a running container, so what installs is left out.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-* /usr/local/bin/yarn /usr/local/bin/yarnpkg
WORKDIR /app
COPY --from=build /image ./
# The mode and owner that a new volume takes over.
COPY --from=build --chown=10001:10001 /image-data /var/lib/acgs
ENV NODE_ENV=production ACGS_DATA_DIR=/var/lib/acgs APOLLO_TELEMETRY_DISABLED=true
USER 10001:10001
STOPSIGNAL SIGTERM
EXPOSE 4000 8000 8001 8002 8003 8004 8005 8006
# The gateway is what the image runs when nothing else is named; compose names a process and its probe.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "ops/image/probe.mjs", "4000"]
ENTRYPOINT ["node"]
CMD ["--max-semi-space-size=64", "dist/gateway/main.js"]
