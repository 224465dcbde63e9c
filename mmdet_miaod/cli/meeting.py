"""Where the processes of a run find each other: who is missing, or there twice, is told within a time."""

import os
import socket
import time
from datetime import timedelta

from torch import distributed as dist

# Machines of a cluster import from slow disks, and not all at once.
WAIT_SECONDS = 180
# Once somebody listens, it answers at once if it is one of these processes.
_ANSWER_SECONDS = 20
_POLL_SECONDS = 0.05


def meet() -> dist.Store:
    """Wait for the other processes, as ``MASTER_ADDR``, ``MASTER_PORT``, ``RANK`` and ``WORLD_SIZE`` say.

    Returns:
        The store by which they met; PyTorch's own meeting shares its port for as long as it lives.

    Raises:
        ValueError: a variable is missing or makes no sense, another program has the port, processes are
            missing, there twice, or count each other differently.
    """
    size = _number('WORLD_SIZE', 1, 1_000_000)
    rank = _number('RANK', 0, size - 1)
    port = _number('MASTER_PORT', 1, 65535)
    address = os.environ.get('MASTER_ADDR', '')
    place = f'MASTER_ADDR={address} MASTER_PORT={port}'
    try:
        socket.getaddrinfo(address, port)
    except OSError as error:
        raise ValueError(f'{place}: there is no such machine ({error})') from None
    # torchrun itself listens at this port.
    by_torchrun = os.environ.get('TORCHELASTIC_USE_AGENT_STORE') == 'True'
    attempt = os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')
    store = _store(address, port, rank == 0 and not by_torchrun, place)
    _register(dist.PrefixStore(f'miaod/{attempt}', store), rank, size, place)
    return store


def _number(name: str, least: int, most: int) -> int:
    text = os.environ.get(name, '')
    if not (text.isascii() and text.isdecimal() and least <= int(text[:12]) <= most):
        raise ValueError(
            f'{name} is {text!r}: a whole number from {least} to {most} is needed; torchrun and '
            'scripts/dist_train.sh set it'
        )
    return int(text)


def _store(address: str, port: int, listens: bool, place: str) -> dist.Store:
    if not listens:
        _wait_for_listener(address, port, place)
    try:
        return dist.TCPStore(
            address,
            port,
            is_master=listens,
            wait_for_workers=False,
            multi_tenant=True,
            timeout=timedelta(seconds=_ANSWER_SECONDS),
        )
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f'{place}: another program has this port; set MASTER_PORT to a free one ({reason})'
        ) from None


def _wait_for_listener(address: str, port: int, place: str) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            socket.create_connection((address, port), timeout=_ANSWER_SECONDS).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise ValueError(
                    f'{place}: process 0 does not listen there after {WAIT_SECONDS} s ({error}); is it '
                    'running, with the same MASTER_ADDR and MASTER_PORT?'
                ) from None
        time.sleep(_POLL_SECONDS)


def _register(store: dist.Store, rank: int, size: int, place: str) -> None:
    """Tell the others who is here, and wait until all are, or one of them says what is wrong."""
    try:
        first = int(store.compare_set('size', '', str(size)))
        if first != size:
            _complain(store, f'WORLD_SIZE is {size} in process {rank} and {first} in another one')
        if store.add(f'rank/{rank}', 1) > 1:
            _complain(store, f'two processes have RANK={rank}')
        store.add('here', 1)
        end = time.monotonic() + WAIT_SECONDS
        while store.add('here', 0) < size:
            if store.check(['trouble']):
                raise ValueError(store.get('trouble').decode())
            if time.monotonic() > end:
                missing = [k for k in range(size) if not store.check([f'rank/{k}'])][:10]
                _complain(store, f'processes {missing} of {size} did not come within {WAIT_SECONDS} s')
            time.sleep(_POLL_SECONDS)
        if store.check(['trouble']):
            raise ValueError(store.get('trouble').decode())
    except RuntimeError as error:
        raise ValueError(
            f'{place}: another process ended before all were there ({str(error).splitlines()[0]})'
        ) from None


def _complain(store: dist.Store, what: str) -> None:
    advice = 'each process needs its own RANK from 0 to WORLD_SIZE - 1, and all the same WORLD_SIZE'
    store.set('trouble', f'{what}; {advice}')
    time.sleep(20 * _POLL_SECONDS)  # so that the others hear of it before the store is gone with this process
    raise ValueError(store.get('trouble').decode())
