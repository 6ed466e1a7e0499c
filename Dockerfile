# syntax=docker/dockerfile:1
# The tap alone, for platforms that run Singer taps as containers. With Meltano build on `meltano/meltano` instead.
#
#   make .venv/.ready && .venv/bin/python -m hatchling build -t wheel -d dist
#   docker build -t tap-exactonline .
#   docker run --rm -v exact-state:/state -e TAP_EXACTONLINE_CLIENT_ID -e TAP_EXACTONLINE_CLIENT_SECRET \
#     tap-exactonline --config=ENV check
#
# The login lives in /state and must outlive the container: mount a volume, or set TAP_EXACTONLINE_TOKEN_STORE to a database.
FROM python:3.13-slim AS build
WORKDIR /build
# The very wheel that was tested, and the versions that it was tested with.
COPY constraints/dev.txt ./
COPY dist/*.whl ./
RUN python -m venv /opt/tap \
    && wheel="$(ls ./*.whl)" \
    && /opt/tap/bin/pip install --no-cache-dir --disable-pip-version-check -c dev.txt "${wheel}[postgres,encryption]"

FROM python:3.13-slim
LABEL org.opencontainers.image.title="tap-exactonline" \
      org.opencontainers.image.description="Singer tap for Exact Online" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin tap \
    && install -d -o tap -g tap -m 0700 /state
COPY --from=build /opt/tap /opt/tap
ENV PATH="/opt/tap/bin:${PATH}" \
    PYTHONUNBUFFERED=1 \
    TAP_EXACTONLINE_TOKEN_STORE=/state/
USER tap
WORKDIR /state
VOLUME /state
# SIGTERM makes the tap write what is complete and its bookmarks; give it 30 seconds (docker stop -t 30).
STOPSIGNAL SIGTERM
ENTRYPOINT ["tap-exactonline"]
CMD ["--help"]
