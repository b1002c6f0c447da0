"""Which tensors the atlas shows: properties of crystals and molecules with their Jahn symbols."""

from dataclasses import dataclass

from cartesian.spec.symmetry import IndexSymmetry


@dataclass(frozen=True)
class Property:
    """A material tensor.

    Attributes:
        slug: Its file.
        name: What it is called.
        symbol: Its letter, in LaTeX.
        jahn: Index symmetry, in Jahn's notation.
        law: What it relates, in LaTeX.
        shear_factor: What Voigt's constants carry for each pair yz, xz, xy.
        alike: Other tensors of the same symmetry.
    """

    slug: str
    name: str
    symbol: str
    jahn: str
    law: str
    shear_factor: int = 1
    alike: str = ""

    @property
    def symmetry(self) -> IndexSymmetry:
        """The index symmetry."""
        return IndexSymmetry.jahn(self.jahn)

    @property
    def has_pairs(self) -> bool:
        """Whether two indices count as one in Voigt's notation."""
        return "[V2]" in self.jahn and self.symmetry.rank > 2


PROPERTIES = (
    Property(
        "polar-vector", "Polar vector", "p", "V", r"P_i = p_i\, \Delta T", alike="pyroelectricity, dipole"
    ),
    Property(
        "axial-vector",
        "Axial vector",
        "a",
        "eV",
        r"a_i = \varepsilon_{ijk} r_j p_k",
        alike="rotation, optical rotation of a field",
    ),
    Property(
        "permittivity",
        "Permittivity",
        r"\varepsilon",
        "[V2]",
        r"D_i = \varepsilon_{ij} E_j",
        alike="polarizability, conductivity, thermal expansion, strain, stress",
    ),
    Property(
        "thermoelectricity",
        "Thermoelectric power",
        "S",
        "V2",
        r"E_i = S_{ij}\, \partial_j T",
        alike="any polar tensor of rank 2, Born effective charge",
    ),
    Property("gyration", "Optical activity (gyration)", "g", "e[V2]", r"G = g_{ij} n_i n_j"),
    Property(
        "circular-dichroism",
        "Axial tensor of rank 2",
        "a",
        "eV2",
        r"A_i = a_{ij} P_j",
        alike="magnetoelectric effect where time reversal does not matter",
    ),
    Property(
        "piezoelectricity-e",
        "Piezoelectricity, stress form e",
        "e",
        "V[V2]",
        r"P_i = e_{ijk}\, \varepsilon_{jk}",
        alike="second-harmonic generation in the notation d_iJ",
    ),
    Property(
        "piezoelectricity-d",
        "Piezoelectricity, strain form d",
        "d",
        "V[V2]",
        r"P_i = d_{ijk}\, \sigma_{jk}",
        shear_factor=2,
    ),
    Property(
        "pockels", "Linear electro-optic effect (Pockels)", "r", "[V2]V", r"\Delta\eta_{ij} = r_{ijk} E_k"
    ),
    Property(
        "hyperpolarizability",
        "First hyperpolarizability",
        r"\beta",
        "[V3]",
        r"p_i = \tfrac12 \beta_{ijk} E_j E_k",
        alike="second-order susceptibility under Kleinman symmetry",
    ),
    Property(
        "susceptibility-2",
        "Second-order susceptibility",
        r"\chi",
        "V3",
        r"P_i = \chi_{ijk} E_j E'_k",
        alike="any polar tensor of rank 3",
    ),
    Property("hall", "Hall effect", "R", "e{V2}V", r"E_i = R_{ijk}\, J_j B_k"),
    Property("electrogyration", "Electrogyration", r"\zeta", "e[V2]V", r"\Delta g_{ij} = \zeta_{ijk} E_k"),
    Property(
        "stiffness",
        "Elastic stiffness",
        "C",
        "[[V2]2]",
        r"\sigma_{ij} = C_{ijkl}\, \varepsilon_{kl}",
        alike="viscosity",
    ),
    Property(
        "compliance",
        "Elastic compliance",
        "S",
        "[[V2]2]",
        r"\varepsilon_{ij} = S_{ijkl}\, \sigma_{kl}",
        shear_factor=2,
    ),
    Property(
        "photoelasticity",
        "Photoelasticity, strain form",
        "p",
        "[V2]2",
        r"\Delta\eta_{ij} = p_{ijkl}\, \varepsilon_{kl}",
        alike="electrostriction, Kerr effect, magnetoresistance",
    ),
    Property(
        "second-hyperpolarizability",
        "Second hyperpolarizability",
        r"\gamma",
        "[V4]",
        r"p_i = \tfrac16 \gamma_{ijkl} E_j E_k E_l",
    ),
    Property(
        "third-harmonic", "Third-harmonic generation", r"\chi", "V[V3]", r"P_i = \chi_{ijkl} E_j E_k E_l"
    ),
    Property(
        "flexoelectricity",
        "Flexoelectricity",
        r"\mu",
        "V[V2]V",
        r"P_i = \mu_{ijkl}\, \partial_l \varepsilon_{jk}",
    ),
    Property(
        "susceptibility-3",
        "Third-order susceptibility",
        r"\chi",
        "V4",
        r"P_i = \chi_{ijkl} E_j E'_k E''_l",
        alike="any polar tensor of rank 4",
    ),
    Property(
        "nonlinear-piezoelectricity",
        "Second-order piezoelectricity",
        "e",
        "V[[V2]2]",
        r"P_i = \tfrac12 e_{ijklm}\, \varepsilon_{jk}\, \varepsilon_{lm}",
    ),
    Property(
        "third-order-elasticity",
        "Third-order elasticity",
        "C",
        "[[V2]3]",
        r"\sigma_{ij} = \tfrac12 C_{ijklmn}\, \varepsilon_{kl}\, \varepsilon_{mn}",
    ),
)
"""In rising rank."""

CRYSTALS = {
    "2": "tartaric acid",
    "2/m": "gypsum",
    "222": "Rochelle salt in its paraelectric phases",
    "mmm": "topaz, forsterite",
    "-42m": "potassium dihydrogen phosphate (KDP)",
    "4mm": "barium titanate at room temperature",
    "4/mmm": "rutile",
    "32": "quartz (α), tellurium",
    "3m": "lithium niobate, tourmaline",
    "-3m": "calcite, corundum",
    "6mm": "wurtzite, zinc oxide",
    "6/mmm": "magnesium, graphite",
    "m-3": "pyrite",
    "-43m": "zinc blende, gallium arsenide",
    "m-3m": "rock salt, silicon, copper",
    "∞m": "a poled ceramic",
    "∞/mm": "a fibre, a drawn polymer",
    "SO(3)": "a sugar solution",
    "O(3)": "a glass, a polycrystal without texture",
}
"""Well-known examples of point groups."""
