# usfm from its wheel, for a CPU or for CUDA, as a user without rights:
#   python -m build
#   docker build --tag usfm .                              for a CPU
#   docker build --tag usfm --build-arg DEVICE=cuda .      for a GPU
#   docker run --rm --volume "$PWD/data:/home/usfm/data" usfm index data
FROM python:3.11-slim-bookworm
ARG DEVICE=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

# What OpenCV loads.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /build
COPY requirements requirements
COPY dist/*.whl .

# The registry's torch is built for CUDA, and four gigabytes larger.
RUN if [ "$DEVICE" = cpu ]; then \
        pip install --constraint requirements/constraints.txt \
            --extra-index-url https://download.pytorch.org/whl/cpu torch torchvision; \
    fi
RUN pip install --constraint requirements/constraints.txt \
        --requirement requirements/openmmlab.txt "$(echo ./*.whl)[all]" \
    && pip install --no-deps --requirement requirements/mmagic.txt

RUN useradd --create-home --uid 1000 usfm
USER 1000
WORKDIR /home/usfm
ENTRYPOINT ["usfm"]
CMD ["--help"]
