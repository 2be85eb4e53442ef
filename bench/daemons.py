# SPDX-License-Identifier: BSL-1.0
"""The servers that some peers need, iox-roudi and nats-server: started here, on this machine only, and ended
here by their process ids."""
import os
import shutil
import socket
import subprocess
import time

from cells import TICKS, own_command

HERE = os.path.dirname(os.path.abspath(__file__))


def processor_seconds_of(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii') as stat:
        fields = stat.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Daemons:
    def __init__(self, wanted):
        port = free_port()
        self.url = f'nats://127.0.0.1:{port}'
        commands = {'iox-roudi': ['iox-roudi', '-c', os.path.join(HERE, 'roudi.toml'), '-l', 'error'],
                    'nats-server': ['nats-server', '-a', '127.0.0.1', '-p', port]}
        self.running = {}
        for name in wanted:
            if shutil.which(name):
                self.running[name] = subprocess.Popen(own_command(commands[name]), stdout=subprocess.DEVNULL,
                                                      stderr=subprocess.DEVNULL, start_new_session=True)
        if self.running:
            time.sleep(2)
        self.missing = [name for name in wanted if not self.has(name)]

    def has(self, name):
        return name in self.running and self.running[name].poll() is None

    def environment(self, daemon):
        environment = dict(os.environ, BENCH_NATS_URL=self.url)
        if self.has(daemon):
            environment['BENCH_DAEMON_PID'] = str(self.running[daemon].pid)
        return environment

    def processor_seconds(self):
        alive = [process for process in self.running.values() if process.poll() is None]
        return sum(processor_seconds_of(process.pid) for process in alive)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
