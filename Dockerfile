# A small image of phoneops: docker build --tag phoneops .
FROM rust:1.95-slim-bookworm AS build
# the versions are those of the base image's release
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin phoneops

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner=65532 --group=65532 --mode=0700 /var/lib/phoneops
COPY --from=build /src/target/release/phoneops /usr/local/bin/phoneops
USER 65532:65532
VOLUME ["/var/lib/phoneops"]
# phones, status, metrics
EXPOSE 18443 8080 9090
ENTRYPOINT ["phoneops"]
CMD ["serve"]
