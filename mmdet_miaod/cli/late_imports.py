"""Modules that the stack imports and most commands never use, imported once something of them is used.

They take half of the time of its import, PyTorch itself left out.
"""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

# By package its submodules that mmcv 1.7, MMDetection 2.28 and torchvision 0.26 import; they take functions
# and classes to call from them, and no other values.
LATE: Mapping[str, Sequence[str]] = {
    'matplotlib': ('pyplot', 'collections', 'patches'),
    'scipy': ('optimize',),
    'torch._dynamo': ('utils',),
}
# What ``import torch`` imports for its effects alone, in a fifth of its time: operations on tensors without
# data, by which PyTorch's compiler plans. They are imported right before the compiler.
WITHOUT_DATA = 'torch._meta_registrations'
FIRST = {'torch._dynamo': WITHOUT_DATA}
# Every optimizer asks PyTorch's compiler to leave its methods alone. Without the compiler that is nothing.
STAYING: Mapping[str, Mapping[str, Callable]] = {
    'torch._dynamo': {
        'disable': lambda function, *args, **kwargs: function,
        'graph_break': lambda message='': None,
    }
}


@contextmanager
def left_out(name: str) -> Iterator[None]:
    """Context in which a module is not imported that others import for its effects; later it is, as ever.

    Args:
        name: of the module.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = ModuleType(name)
    try:
        yield
    finally:
        sys.modules.pop(name, None)


@contextmanager
def late_imports(
    late: Mapping[str, Sequence[str]] = LATE, staying: Mapping[str, Mapping[str, Callable]] = STAYING
) -> Iterator[None]:
    """Context in which stand-ins are imported in place of some modules.

    What is taken from a stand-in within the context can be called: that imports the module. Any other
    submodule of the package, and what is asked for after the context, is imported at once.

    Args:
        late: submodules by package; left alone where it is imported already, or not installed.
        staying: attributes by package of stand-ins that stay after the context, for as long as nothing else
            is asked of them.
    """
    finders = [
        _Finder(package, late[package], staying.get(package, {}))
        for package in late
        if package not in sys.modules and find_spec(package) is not None
    ]
    try:
        yield
    finally:
        for finder in finders:
            finder.taking = False
            if finder.package not in staying:
                finder.give_way()


class _Finder(MetaPathFinder, Loader):
    """Has a package and submodules of it stood in for, until another one is looked for."""

    def __init__(self, package: str, submodules: Sequence[str], attributes: Mapping[str, Any]) -> None:
        self.package = package
        self.taking = True
        stand_in = _StandIn(package, self)
        vars(stand_in).update(attributes, __path__=[], __spec__=find_spec(package))
        self._stand_ins = {package: stand_in}
        for name in submodules:
            whole = f'{package}.{name}'
            self._stand_ins[whole] = vars(stand_in)[name] = _StandIn(whole, self)
        sys.modules.update(self._stand_ins)
        sys.meta_path.insert(0, self)

    def give_way(self) -> None:
        """Let the package be imported."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name, stand_in in self._stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]
        if self.package in FIRST:
            importlib.import_module(FIRST[self.package])

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(f'{self.package}.'):
            return None
        self.give_way()
        importlib.import_module(name)  # with its package, which may import it itself
        return ModuleSpec(name, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = sys.modules[spec.name]
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = module.__spec__.loader_state


class _StandIn(ModuleType):
    """Stands in for a module."""

    def __init__(self, name: str, finder: _Finder) -> None:
        super().__init__(name)
        vars(self)['_finder'] = finder

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')
        if self._finder.taking:
            return lambda *args, **kwargs: getattr(self._module(), name)(*args, **kwargs)
        return getattr(self._module(), name)

    def _module(self) -> ModuleType:
        self._finder.give_way()
        return importlib.import_module(self.__name__)
