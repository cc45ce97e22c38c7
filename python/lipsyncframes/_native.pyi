import numpy as np
import numpy.typing as npt

class Converter:
    def __new__(
        cls,
        width: int,
        height: int,
        format: str,
        order: str,
        range: str,
        matrix: str,
        full_range: bool,
        threads: int,
    ) -> Converter: ...
    def convert(
        self,
        batch: npt.NDArray[np.uint8],
        width: int,
        height: int,
        is_half: bool,
        is_planar: bool,
        out: npt.NDArray[np.uint8],
    ) -> None: ...

def threads(threads: int) -> int: ...
def size(width: int, height: int) -> tuple[int, int]: ...
def prepare_exit() -> None: ...
def forget_threads() -> None: ...
