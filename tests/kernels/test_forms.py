"""Forms with shared weights: the operator, its derivatives, and generated C against small matrix products."""

from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.fx.experimental.proxy_tensor import make_fx

from cartesian.kernels import form_operators, forms, mixing, tiles
from cartesian.kernels.groups import Groups, sort_groups
from cartesian.programs.connected import connected
from cartesian.programs.mixing import LinearMap
from cartesian.spec import Irreps

LINEAR = LinearMap(Irreps("3x0e + 2x1o + 1x0e"), Irreps("2x1o + 4x0e + 1x2e"))
IRREPS = ("0e", "1o", "2e")
PRODUCT = connected("2x0e + 1x1o", "1x1o + 2x2e", "2x1o + 1x1e + 1x2e")


def operands(form, rows=3, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(form.lengths[0],), *((rows, length) for length in form.lengths[1:-1])]
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
        for shape in shapes
    ]


@pytest.mark.parametrize("form", [LINEAR, PRODUCT])
def test_the_operator_passes_the_checks_of_torch(form):
    torch.library.opcheck(form_operators.form, (form.text, operands(form), len(form.lengths) - 1, []))


@pytest.mark.parametrize("form", [LINEAR, PRODUCT])
@pytest.mark.parametrize("way", [form_operators.run, form_operators.form])
def test_first_and_second_derivatives(form, way):
    def call(*legs):
        return way(form.text, list(legs), len(form.lengths) - 1, [] if way is form_operators.form else None)

    assert torch.autograd.gradcheck(call, operands(form, 2))
    assert torch.autograd.gradgradcheck(call, operands(form, 2))


@pytest.mark.parametrize("form", [LINEAR, PRODUCT])
def test_it_compiles_and_exports(form):
    text = form.text

    class Sum(torch.nn.Module):
        def forward(self, *legs):
            return forms.run(text, legs).sin()

    legs = [leg.detach() for leg in operands(form, 4)]
    expected = Sum()(*legs)
    exported = torch.export.export(Sum(), tuple(legs))
    assert "cartesian.form" in str(exported.graph)
    torch.testing.assert_close(exported.module()(*legs), expected)
    leaves = operands(form, 4)
    compiled = torch.compile(Sum(), fullgraph=True, backend="aot_eager")
    actual = torch.autograd.grad(compiled(*leaves).sum(), leaves)
    torch.testing.assert_close(actual, torch.autograd.grad(Sum()(*leaves).sum(), leaves))


@pytest.mark.filterwarnings("ignore:.*jit.script.*:DeprecationWarning")
@pytest.mark.parametrize("form", [LINEAR, PRODUCT])
@pytest.mark.parametrize("jacobian", [torch.func.jacrev, torch.func.jacfwd])
def test_transformations_of_functions_see_through(form, jacobian):
    legs = tuple(leg.detach() for leg in operands(form))
    every = tuple(range(len(legs)))
    actual = jacobian(lambda *x: forms.run(form.text, x), argnums=every)(*legs)
    expected = torch.autograd.functional.jacobian(lambda *x: forms.run(form.text, x), legs)
    torch.testing.assert_close(actual, expected)


@settings(max_examples=12)
@given(st.integers(0, 40), st.sampled_from([torch.float32, torch.float64]), st.integers(0, 99))
def test_generated_c_gives_what_matrix_products_give(rows, dtype, seed):
    form = connected("16x0e + 32x1o + 16x2e", "16x1o + 32x0e", "16x0e + 32x1o + 16x1e + 16x2e")
    legs, results = operands(form, rows, seed, dtype), []
    for generated in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if not generated:
                patch.setattr(tiles, "_compiled", lambda *_: False)
            out = forms.run(form.text, legs)
            results.append((out, *torch.autograd.grad(out, legs, torch.ones_like(out))))
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(
            a, b, rtol=tolerance, atol=tolerance * (1 + float(b.detach().abs().sum()) ** 0.5)
        )


@pytest.mark.parametrize("form", [LINEAR, PRODUCT])
def test_numpy_and_strided_torch_agree(form):
    legs = [leg.detach() for leg in operands(form, 5)]
    wide = [legs[0], *(torch.nn.functional.pad(leg, (1, 2))[:, 1:-2] for leg in legs[1:])]
    expected = forms.run(form.text, legs)
    torch.testing.assert_close(forms.run(form.text, wide), expected)
    np.testing.assert_allclose(forms.run(form.text, [leg.numpy() for leg in legs]), expected, atol=1e-13)


@pytest.mark.parametrize("rows", [0, 1, 300])
def test_tiles_cut_rows_and_channels_without_a_trace(rows, monkeypatch):
    monkeypatch.setattr("cartesian.kernels.connected._ROWS", 7)
    monkeypatch.setattr("cartesian.kernels.connected._TILE", 9)
    legs = operands(PRODUCT, rows)
    cut = forms.run(PRODUCT.text, legs)
    gradients = torch.autograd.grad(cut.sum(), legs)
    monkeypatch.undo()
    whole = forms.run(PRODUCT.text, legs)
    torch.testing.assert_close(cut, whole)
    torch.testing.assert_close(gradients, torch.autograd.grad(whole.sum(), legs))


@st.composite
def maps(draw):
    """Linear maps with channels that fill registers, or do not; some blocks are not reached."""
    sides = draw(st.lists(st.tuples(st.sampled_from([0, 1, 5, 16, 33]), st.sampled_from(IRREPS)), max_size=4))
    others = draw(st.lists(st.tuples(st.sampled_from([1, 7, 32]), st.sampled_from(IRREPS)), max_size=4))
    return LinearMap(Irreps(sides), Irreps(others))


@settings(max_examples=40)
@given(maps(), st.lists(st.integers(0, 2), max_size=9), st.booleans(), st.integers(1, 3))
def test_linear_maps_in_generated_c_are_small_matrix_products(form, species, is_torch, threads):
    rows = len(species)
    rng = np.random.default_rng(rows)
    x, z = (rng.standard_normal((rows, length)) for length in form.lengths[1:])
    groups = sort_groups(torch.tensor(species, dtype=torch.long), 3)
    for own in (None, groups):
        w = rng.standard_normal(form.lengths[:1] if own is None else (3, form.lengths[0]))
        for legs, omitted in (((w, x), 2), ((w, z), 1), ((x, z), 0)):
            numbers = own if own is None else Groups(*(index.numpy() for index in own))
            with patch("cartesian.kernels.native.supports", return_value=False):
                expected = mixing.evaluate(form, legs, omitted, numbers)
            numbers_of_threads = patch("cartesian.kernels.native.thread_count", return_value=threads)
            with numbers_of_threads:
                if is_torch:
                    actual = mixing.evaluate(
                        form, [torch.from_numpy(leg) for leg in legs], omitted, own
                    ).numpy()
                else:
                    actual = mixing.evaluate(form, legs, omitted, numbers)
            np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=8)
@given(maps(), st.integers(0, 3))
def test_where_torch_is_recorded_linear_maps_write_into_no_array(form, rows):
    rng = np.random.default_rng(rows)
    shapes = [form.lengths[:1], *((rows, length) for length in form.lengths[1:])]
    w, x, z = (torch.from_numpy(rng.standard_normal(shape)) for shape in shapes)
    for legs, omitted in (((w, x), 2), ((w, z), 1), ((x, z), 0)):
        with patch("cartesian.kernels.native.supports", return_value=False):
            expected = mixing.evaluate(form, legs, omitted)
            with patch("torch.compiler.is_compiling", return_value=True):
                recorded = make_fx(lambda *legs: mixing.evaluate(form, legs, omitted))(*legs)  # noqa: B023
        torch.testing.assert_close(recorded(*legs), expected)
        schemas = [getattr(node.target, "_schema", None) for node in recorded.graph.nodes]
        assert not any(schema.is_mutable for schema in schemas if schema is not None)


def test_groups_of_rows_have_weights_of_their_own():
    groups = sort_groups(torch.tensor([2, 0, 2]), 3)
    _, x = operands(LINEAR)
    w = torch.randn(3, LINEAR.lengths[0], dtype=torch.float64, requires_grad=True)
    together = forms.run(LINEAR.text, [w, x], groups)
    alone = [forms.run(LINEAR.text, [w[z], row[None]]) for z, row in zip([2, 0, 2], x, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone))
    torch.library.opcheck(form_operators.form, (LINEAR.text, [w, x], 2, list(groups)))
    for way in (form_operators.run, form_operators.form):
        given = groups if way is form_operators.run else list(groups)
        assert torch.autograd.gradgradcheck(lambda *legs: way(LINEAR.text, list(legs), 2, given), (w, x))  # noqa: B023
