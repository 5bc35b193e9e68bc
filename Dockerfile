# One static binary that runs as nobody in particular, on an empty base: no shell,
# no package, nothing to fetch. "make image" builds the binary and calls this.
FROM scratch
ARG PROGRAM
COPY ${PROGRAM} /program
USER 65532:65532
ENTRYPOINT ["/program"]
