"""Numbers that dltool's tests compute by themselves (tests/support/formula.h): a hash of tensor and index, in [-1, 1)."""
import numpy as np


def formula(salt, shape, scale=1.0):
    """The test tensor `salt`, row-major, as float32."""
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32((salt * 2246822519) % 2**32)
        x ^= x >> np.uint32(15)
        x *= np.uint32(2246822519)
        x ^= x >> np.uint32(13)
        x *= np.uint32(3266489917)
        x ^= x >> np.uint32(16)
    values = (x >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return (values * np.float32(scale)).reshape(shape)


def samples(array, most=64):
    """What a golden keeps of a tensor: its shape, its largest magnitude and up to `most` evenly spread values."""
    flat = np.asarray(array, dtype=np.float64).ravel()
    stride = max(1, -(-flat.size // most))
    return {"shape": list(np.shape(array)), "max": float(np.abs(flat).max()) if flat.size else 0.0, "stride": stride,
            "values": [float(v) for v in flat[::stride]]}
