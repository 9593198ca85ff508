//! In which order a repayment pays what is due.

use florin_kernel::Violations;

/// What money that is owed is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// Penalty interest and late fees.
    Penalty,
    /// Fees.
    Fee,
    /// Interest.
    Interest,
    /// Principal.
    Principal,
}

/// An amount of each component, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// Penalty interest and late fees.
    pub penalty: i64,
    /// Fees.
    pub fee: i64,
    /// Interest.
    pub interest: i64,
    /// Principal.
    pub principal: i64,
}

impl Amounts {
    /// That of a component.
    #[must_use]
    pub const fn of(&self, component: Component) -> i64 {
        match component {
            Component::Penalty => self.penalty,
            Component::Fee => self.fee,
            Component::Interest => self.interest,
            Component::Principal => self.principal,
        }
    }

    /// Adds to that of a component.
    pub const fn add(&mut self, component: Component, amount: i64) {
        let one = match component {
            Component::Penalty => &mut self.penalty,
            Component::Fee => &mut self.fee,
            Component::Interest => &mut self.interest,
            Component::Principal => &mut self.principal,
        };
        *one = one.saturating_add(amount);
    }

    /// The sum of all.
    #[must_use]
    pub const fn total(&self) -> i64 {
        let costs = self.penalty.saturating_add(self.fee).saturating_add(self.interest);
        costs.saturating_add(self.principal)
    }

    /// Each component's sum.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            penalty: self.penalty.saturating_add(other.penalty),
            fee: self.fee.saturating_add(other.fee),
            interest: self.interest.saturating_add(other.interest),
            principal: self.principal.saturating_add(other.principal),
        }
    }

    /// Each component's difference.
    #[must_use]
    pub const fn minus(&self, other: &Self) -> Self {
        Self {
            penalty: self.penalty.saturating_sub(other.penalty),
            fee: self.fee.saturating_sub(other.fee),
            interest: self.interest.saturating_sub(other.interest),
            principal: self.principal.saturating_sub(other.principal),
        }
    }
}

/// Which comes first where several instalments are past due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Across {
    /// The oldest instalment with all its components, then the next. Penalties and fees for
    /// paying late count with the oldest.
    Instalments,
    /// The first component of all instalments, then the next.
    Components,
}

/// The order of a product. What is past due always comes before what is not due yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    order: [Component; 4],
    across: Across,
}

impl Default for Allocation {
    fn default() -> Self {
        let order = [Component::Penalty, Component::Fee, Component::Interest, Component::Principal];
        Self { order, across: Across::Instalments }
    }
}

impl Allocation {
    /// An order that names each component once; else notes it against the field `allocation`.
    pub fn check(order: &[Component], across: Across, found: &mut Violations) -> Option<Self> {
        let all = [Component::Penalty, Component::Fee, Component::Interest, Component::Principal];
        for component in all {
            let rule = match order.iter().filter(|one| **one == component).count() {
                0 => "REQUIRED",
                1 => continue,
                _ => "DUPLICATE",
            };
            found.add("allocation", rule, format!("must name {component:?} once"));
        }
        let order = order.try_into().ok()?;
        Some(Self { order, across })
    }

    /// The components in their order.
    #[must_use]
    pub const fn order(&self) -> [Component; 4] {
        self.order
    }

    /// Which comes first.
    #[must_use]
    pub const fn across(&self) -> Across {
        self.across
    }
}
