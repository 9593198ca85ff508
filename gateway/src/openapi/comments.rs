//! Comments of the contract, by file and path in its descriptor.

use std::collections::{BTreeSet, HashMap};

use prost_reflect::{EnumDescriptor, EnumValueDescriptor, FieldDescriptor, FileDescriptor};
use prost_reflect::{MessageDescriptor, MethodDescriptor};

use crate::route::Catalogue;

/// The leading comment of each element.
#[derive(Debug, Default)]
pub struct Comments {
    by_place: HashMap<(String, Vec<i32>), String>,
}

impl Comments {
    /// Reads the comments of all files of the pool.
    pub fn read(catalogue: &Catalogue) -> Self {
        let mut comments = Self::default();
        let mut seen = BTreeSet::new();
        for route in catalogue.routes() {
            for file in route.method.parent_pool().files() {
                if seen.insert(file.name().to_owned()) {
                    comments.add(&file);
                }
            }
        }
        comments
    }

    fn add(&mut self, file: &FileDescriptor) {
        let Some(source) = &file.file_descriptor_proto().source_code_info else { return };
        for location in &source.location {
            let text = location.leading_comments().trim();
            if !text.is_empty() {
                let lines: Vec<&str> = text.lines().map(str::trim).collect();
                let place = (file.name().to_owned(), location.path.clone());
                self.by_place.insert(place, lines.join(" "));
            }
        }
    }

    fn at(&self, file: &FileDescriptor, path: &[i32]) -> String {
        self.by_place.get(&(file.name().to_owned(), path.to_vec())).cloned().unwrap_or_default()
    }

    /// What the contract says of a method.
    pub fn method(&self, method: &MethodDescriptor) -> String {
        self.at(&method.parent_file(), method.path())
    }

    /// What the contract says of a message.
    pub fn message(&self, message: &MessageDescriptor) -> String {
        self.at(&message.parent_file(), message.path())
    }

    /// What the contract says of a field.
    pub fn field(&self, field: &FieldDescriptor) -> String {
        self.at(&field.parent_file(), field.path())
    }

    /// What the contract says of an enum.
    pub fn enumeration(&self, item: &EnumDescriptor) -> String {
        self.at(&item.parent_file(), item.path())
    }

    /// What the contract says of a value of an enum.
    pub fn value(&self, value: &EnumValueDescriptor) -> String {
        self.at(&value.parent_file(), value.path())
    }
}
