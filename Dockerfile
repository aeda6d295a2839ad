# The program alone, as a user without rights. How to run it: compose.yaml, docs/living-with-it.md.
#
# Everything is built in the first stage, with the locked versions and Debian's own Python; the second gets the result.
ARG DEBIAN=debian:trixie-slim

FROM ${DEBIAN} AS build
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends ca-certificates git python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# The wheel's version comes from git, which otherwise refuses files of another user.
RUN git config --global --add safe.directory /source \
    && python3 -m venv /opt/copybara \
    && packages/install /opt/copybara

FROM ${DEBIAN}
# The number of the user on the host whose browser opens the page.
ARG USER_ID=1000
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid ${USER_ID} --user-group --no-create-home --home-dir /home/copybara --shell /usr/sbin/nologin copybara \
    && install -d -o copybara -g copybara -m 700 /home/copybara /var/lib/copybara
COPY --from=build /opt/copybara /opt/copybara
ENV PATH=/opt/copybara/bin:$PATH COPYBARA_HOME=/var/lib/copybara PYTHONUNBUFFERED=1
USER copybara
VOLUME /var/lib/copybara
STOPSIGNAL SIGINT
# Docker keeps what it prints, on the host's disk: the page's key, who one talks to, the four words.
HEALTHCHECK --interval=10s --timeout=15s --start-period=60s CMD copybara status --json >/dev/null 2>&1 || exit 1
ENTRYPOINT ["copybara"]
CMD ["run"]
