# The image of every role: proxy, init container, control plane. `npm run image` makes an equal root file system without a daemon.
#
#   docker buildx build --platform linux/amd64,linux/arm64 -t REGISTRY/meshctl:0.1.0 --push .
#
ARG NODE_VERSION=26.10.0

# dist is the same on every architecture, so it is built once, on the builder's own.
FROM --platform=$BUILDPLATFORM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN node scripts/build.ts && rm dist/meta.json

# The one module that is not bundled is native. Its prebuilt files for other C libraries are left behind.
FROM node:${NODE_VERSION}-bookworm-slim AS runtime
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts \
 && rm -rf node_modules/.package-lock.json node_modules/koffi/vendor node_modules/koffi/doc node_modules/koffi/lib \
      node_modules/@koromix/*/musl_*

# No npm and no compiler in what runs.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates iptables libatomic1 libstdc++6 nftables \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log \
 && groupadd --gid 2102 meshctl \
 && useradd --uid 2102 --gid 2102 --no-create-home --home-dir / --shell /usr/sbin/nologin meshctl
COPY --from=runtime /usr/local/bin/node /usr/bin/node
WORKDIR /app
COPY --from=runtime /app/node_modules ./node_modules
COPY --from=build /src/dist ./dist
COPY manifests ./manifests
COPY package.json LICENSE ./
ENV NODE_ENV=production MESHCTL_IMAGE=1
# Nothing is written below /: run it with a read-only root. The init container alone overrides the user.
USER 2102
ENTRYPOINT ["/usr/bin/node", "/app/dist/meshctl.js"]
