"""Media servers behind nginx, as docs/scale.md has them, while one is killed and comes back, another is
stopped and comes back, and at last nginx is started again. Used by scripts/test-scale."""

import argparse
import atexit
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
NGINX = ROOT / 'media-server/deploy/nginx/several-servers.conf'
EXAMPLE = ROOT / 'examples/python/post_frames.py'
sys.path.insert(0, str(EXAMPLE.parent))
from post_frames import Producer  # noqa: E402

SERVERS = 3
FRAMERATE = 25
BATCH = 10
SIDE = 320
PARAMETERS = f'format=BGRP_F16LE&width={SIDE}&height={SIDE}'
# Frames that are accepted and not shown: what a producer is ahead at most
MAX_QUEUED = 20
# Longer than anything takes. Only a failure waits so long.
PATIENCE = 60


def fail(problem):
    sys.exit(f'test-scale: {problem}')


def check_docs():
    """What docs/scale.md shows is what runs here."""
    docs = (ROOT / 'docs/scale.md').read_text()
    for language, path in (('nginx', NGINX), ('python', EXAMPLE)):
        blocks = re.findall(rf'^```{language}\n(.*?)^```', docs, re.MULTILINE | re.DOTALL)
        if not blocks or any(block not in path.read_text() for block in blocks):
            fail(f'docs/scale.md shows other lines than {path.relative_to(ROOT)} has')


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def until(what, is_so):
    end = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > end:
            fail(f'in vain: {what}')
        time.sleep(0.05)


def start(command, **arguments):
    """A program that does not outlive this one."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **arguments)

    def end():
        # nginx leaves its children behind when it is killed.
        process.terminate()
        process.wait(PATIENCE)

    atexit.register(end)
    return process


class Server:
    """A media server, which can be started again on its port."""

    def __init__(self, program, balancer, folder):
        self.port, self.log = free_port(), folder / 'media-server.log'
        self.command = [
            program, '--listen', f'127.0.0.1:{self.port}', '--balancer', balancer,
            '--max-queued', str(MAX_QUEUED), '--log-format', 'json']
        self.start()

    def start(self):
        with open(self.log, 'a') as log:
            self.process = start(self.command, stdout=subprocess.DEVNULL, stderr=log)
        until('a server that answers', lambda: self.streams() is not None)

    def streams(self):
        """The figures of its streams; None where it does not answer."""
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/streams', timeout=PATIENCE) as answer:
                return json.load(answer)['streams']
        except OSError:
            return None

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(PATIENCE)

    def ended(self):
        """What its log says of streams that came to their end."""
        lines = self.log.read_text().splitlines()
        entries = (json.loads(line)['fields'] for line in lines if line.startswith('{'))
        return [entry for entry in entries if entry.get('message') == 'ended']


def nginx_command(port, servers, folder):
    """Starts nginx with the lines of the docs, and the addresses of these servers."""
    lines = NGINX.read_text().replace('listen 80;', f'listen 127.0.0.1:{port};')
    for number, server in enumerate(servers, 1):
        lines = lines.replace(f'10.0.0.{number}:8080', f'127.0.0.1:{server.port}')
    temporary = '\n'.join(
        f'{kind}_temp_path {folder}/{kind};' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    user = 'user root;' if os.geteuid() == 0 else ''
    configuration = folder / 'nginx.conf'
    configuration.write_text(
        f'{user} daemon off; worker_processes 2; pid {folder}/nginx.pid;\n'
        f'events {{ }}\nhttp {{\naccess_log off;\n{temporary}\n{lines}}}\n')
    return ['nginx', '-c', configuration, '-e', folder / 'nginx.log']


class Speaker(threading.Thread):
    """A producer, and what it was told."""

    def __init__(self, url, frame, lead, stop):
        super().__init__(daemon=True)
        self.url, self.frame, self.lead, self.stop = url, frame, lead, stop
        self.accepted = {}  # by the stream's id
        self.moves = []  # when it first posted to another server, and the first number there
        self.lost = set()
        self.posted = 0
        self.problem = None

    def run(self):
        try:
            self.speak()
        except Exception as problem:
            self.problem = problem

    def speak(self):
        producer = Producer(self.url, PARAMETERS, FRAMERATE)
        ask = producer.ask

        def observed(path='', body=None):
            answer = ask(path, body)
            known, end = producer.known.get('id'), answer.get('next')
            if end is not None and answer.get('id', known) == known:
                # Also what it took of a post that was broken off
                self.accept(known, producer.number, end, producer.asked)
            elif body and answer.get('accepted'):
                self.accept(answer['id'], end - answer['accepted'], end, producer.asked)
            return answer

        producer.ask = observed
        due = time.monotonic()
        while not self.stop.is_set():
            self.lost.update(producer.post([self.frame] * BATCH))
            due += BATCH / FRAMERATE
            time.sleep(max(0, due - self.lead - time.monotonic()))
        self.posted = producer.number

    def accept(self, id, first, end, asked):
        if id not in self.accepted:
            self.moves.append((asked, first))
        self.accepted.setdefault(id, set()).update(range(first, end))


class Viewer(threading.Thread):
    """Somebody who watches, and comes again whenever it is over."""

    def __init__(self, port, name, stop):
        super().__init__(daemon=True)
        self.port, self.name_of_stream, self.stop = port, name, stop
        self.seen = []  # times and numbers
        self.visits = 0

    def run(self):
        while not self.stop.is_set():
            try:
                self.watch()
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.1)

    def watch(self):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        connection.request('GET', f'/streams/{self.name_of_stream}.mjpeg')
        answer = connection.getresponse()
        if answer.status != 200:
            connection.close()
            return
        self.visits += 1
        received = b''
        while data := answer.read1(1 << 16):
            *pictures, received = (received + data).split(b'\r\n--lipsyncframes')
            for picture in pictures:
                number = re.search(rb'\xff\xfe..frame (\d+)', picture, re.DOTALL)
                # The newest, for those who come late, and the last, at the end, come again.
                if number and (not self.seen or self.seen[-1][1] != int(number[1])):
                    self.seen.append((time.monotonic(), int(number[1])))
        connection.close()

    def first_since(self, moment, number):
        """When it saw this picture or a later one, since then."""
        return next((at for at, seen in self.seen if at >= moment and seen >= number), None)


class Test:
    def __init__(self, program, folder, streams, viewers):
        self.port = free_port()
        url = f'http://127.0.0.1:{self.port}'
        self.servers = []
        for number in range(SERVERS):
            own = folder / str(number)
            own.mkdir()
            self.servers.append(Server(program, url, own))
        self.nginx_command = nginx_command(self.port, self.servers, folder)
        self.nginx = start(self.nginx_command)
        # Neither a plain colour, which would be no work, nor noise
        samples = [(x + 2 * y) % 256 / 255 for y in range(SIDE) for x in range(SIDE)] * 3
        frame = struct.pack(f'<{len(samples)}e', *samples)
        self.silence, self.leave = threading.Event(), threading.Event()
        # One third posts in time, one a batch ahead, one as soon as there is room.
        leads = [0, BATCH / FRAMERATE, 10]
        self.speakers = {
            f'stream-{number}': Speaker(f'{url}/streams/stream-{number}', frame, leads[number % 3], self.silence)
            for number in range(streams)}
        self.viewers = [Viewer(self.port, name, self.leave) for name in self.speakers for _ in range(viewers)]
        self.killed = {}  # ids of streams that were killed: the first number not shown by then

    def run(self):
        until('nginx', self.answers)
        for thread in [*self.speakers.values(), *self.viewers]:
            thread.start()
        until('all streams', lambda: all(speaker.accepted for speaker in self.speakers.values()))
        phases = {}
        busiest = sorted(self.servers, key=lambda server: len(server.streams()), reverse=True)
        for what, change, patience in (
                ('killed', lambda: self.kill(busiest[0]), 3),
                ('came back', busiest[0].start, 4),
                ('was stopped by SIGTERM', lambda: busiest[1].end(signal.SIGTERM), 3),
                ('came back', busiest[1].start, 4)):
            moved = {name: len(speaker.moves) for name, speaker in self.speakers.items()}
            change()
            time.sleep(patience)
            phases[f'{len(phases) + 1}. one {what}'] = moved
        # All connections break, and no stream moves.
        lost = self.count_lost()
        self.nginx.terminate()
        self.nginx.wait(PATIENCE)
        self.nginx = start(self.nginx_command)
        time.sleep(2)
        self.silence.set()
        for speaker in self.speakers.values():
            speaker.join(PATIENCE)
            if speaker.problem or speaker.is_alive():
                fail(f'{speaker.url}: {speaker.problem or "it goes on"}')
        if self.count_lost() != lost:
            fail(f'{self.count_lost() - lost} frames were reported though no server went away')
        until('an end of all pictures', lambda: not any(stream['queued'] for stream in self.all_streams()))
        time.sleep(0.5)
        return phases

    def count_lost(self):
        return sum(len(speaker.lost) for speaker in self.speakers.values())

    def answers(self):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/healthz', timeout=PATIENCE):
                return True
        except OSError:
            return False

    def kill(self, server):
        self.killed.update(
            (stream['id'], stream['next'] - stream['queued']) for stream in server.streams())
        server.end(signal.SIGKILL)

    def all_streams(self):
        return [stream for server in self.servers for stream in server.streams()]

    def check(self, phases, within):
        for phase, before in phases.items():
            self.check_move(phase, before, phases, within)
        shown = {name: 0 for name in self.speakers}
        ended = [entry for server in self.servers for entry in server.ended()]
        for stream in [*self.all_streams(), *ended]:
            name, count = stream.get('name', stream.get('stream')), stream.get('shown', stream.get('frames'))
            if stream['skipped'] or stream['dropped']:
                fail(f'{name}: {stream["skipped"]} frames skipped, {stream["dropped"]} dropped')
            shown[name] += count
        totals = {'accepted': 0, 'seen': 0, 'lost': 0}
        for name, speaker in self.speakers.items():
            for key, count in zip(totals, self.check_stream(name, speaker, shown[name])):
                totals[key] += count
        print(f'{totals["accepted"]} frames were accepted. Viewers saw {totals["seen"]} of them; '
              f'{totals["lost"]} were reported as perhaps never shown; none was shown twice.')

    def check_move(self, phase, before, phases, within):
        later = [moved for other, moved in phases.items() if other > phase]
        longest, moved = 0, 0
        for viewer in self.viewers:
            name = viewer.name_of_stream
            moves = self.speakers[name].moves
            for moment, number in moves[before[name]:later[0][name] if later else None]:
                seen_at = viewer.first_since(moment, number)
                if seen_at is None:
                    fail(f'{phase}: a viewer of {name} never saw frame {number}, nor a later one')
                longest, moved = max(longest, seen_at - moment), moved + 1
        print(f'{phase}: {moved} viewers had new pictures after {longest:.2f} s at most')
        if not moved:
            fail(f'{phase}: no stream moved')
        if longest > within:
            fail(f'{phase}: expected new pictures within {within} s')

    def check_stream(self, name, speaker, shown):
        """How many frames of a stream were accepted, seen, and reported."""
        accepted = [(id, number) for id, numbers in speaker.accepted.items() for number in numbers]
        numbers = {number for _, number in accepted}
        if len(numbers) < len(accepted):
            fail(f'{name}: {len(accepted) - len(numbers)} frames were accepted twice')
        if missing := set(range(speaker.posted)) - numbers - speaker.lost:
            fail(f'{name}: frames were neither accepted nor reported: {sorted(missing)}')
        seen = set()
        for viewer in (viewer for viewer in self.viewers if viewer.name_of_stream == name):
            order = [number for _, number in viewer.seen]
            if order != sorted(set(order)):
                fail(f'{name}: a viewer saw frames again: {order}')
            seen.update(order)
        of_killed = {number for id, number in accepted if id in self.killed}
        unshown = {number for id, number in accepted if number >= self.killed.get(id, number + 1)}
        if missing := unshown - seen - speaker.lost:
            fail(f'{name}: neither shown nor reported: {sorted(missing)}')
        # Those that lived account for all that they have accepted.
        if shown < len(numbers) - len(of_killed):
            fail(f'{name}: {len(numbers) - len(of_killed)} frames accepted, {shown} shown')
        return len(numbers), len(seen), len(speaker.lost)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('program', help='the media server')
    parser.add_argument('--streams', type=int, default=12)
    parser.add_argument('--viewers', type=int, default=3, help='of each stream')
    parser.add_argument('--within', type=float, default=2, help='seconds until viewers have new pictures')
    options = parser.parse_args()
    check_docs()
    with tempfile.TemporaryDirectory() as folder:
        test = Test(options.program, pathlib.Path(folder), options.streams, options.viewers)
        test.check(test.run(), options.within)


main()
