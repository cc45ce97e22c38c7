"""Posts numbered frames to a media server, or to several behind a load balancer. Where a server stops or a
connection breaks, it goes on with the next frame that nobody can have seen."""

import http.client
import json
import time
import urllib.error
import urllib.request


class Producer:
    """Posts to a stream, http://HOST/streams/NAME. `parameters` say what its frames are."""

    def __init__(self, stream, parameters, framerate=25):
        self.stream, self.framerate = stream, framerate
        self.path = f'/frames?{parameters}&framerate={framerate}&takeover=true&first='
        self.known = {}  # what was said last of the stream
        answer = self.ask()
        if not answer:
            raise ConnectionError(f'{stream}: no answer')
        self.number = answer.get('next', 0)  # of the next frame

    def ask(self, path='', body=None):
        """What the stream's server answers; nothing where the connection broke."""
        headers = {'Content-Type': 'application/octet-stream'}
        request = urllib.request.Request(self.stream + path, body, headers)
        self.asked = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code in (400, 401, 403, 413, 415):
                raise
            text = error.read()
            return json.loads(text) if text.startswith(b'{') else {}
        except (OSError, ValueError, http.client.HTTPException):
            return {}

    def post(self, frames):
        """Posts a list of frames. Returns the numbers of those that may never be seen."""
        lost, end = [], self.number + len(frames)
        while self.number < end:
            began = time.monotonic()
            answer = self.ask(f'{self.path}{self.number}', b''.join(frames[self.number - end:]))
            first, is_taken, is_broken = self.number, 'id' in answer, not answer
            if not is_taken:
                first = self.number = max(first, answer.get('next', 0))
                time.sleep(0.1)
                while not (answer := self.ask()):
                    time.sleep(0.1)
            if self.known and answer.get('id') != self.known['id']:
                # It goes on at another server. The last one has shown this much at least, and at most:
                least = self.known['next'] - self.known['queued']
                since_known, since_began = (
                    int((time.monotonic() - moment) * self.framerate) for moment in (self.known_at, began))
                most = min(least + since_known, first + since_began) + 2
                if is_broken:
                    self.number = min(max(first, most), end)
                lost += range(least, self.number if is_broken else first)
            self.known, self.known_at = (answer if 'id' in answer else {}), self.asked
            self.number = max(self.number, answer.get('next', 0))
        return lost
