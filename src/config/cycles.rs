//! Cycles of a directed graph.

/// Cycles of the graph whose node `n` leads to `successors[n]`, each as its nodes in order; of cycles that share a node
/// one is enough. Empty if and only if the graph has none.
pub(super) fn cycles(successors: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    let mut in_cycle = vec![false; successors.len()];
    let mut visited = vec![false; successors.len()];
    // The place in the path of each node that is on it.
    let mut on_path = vec![None; successors.len()];
    for start in 0..successors.len() {
        // A stack of its own, for a path may be as long as a file has components.
        let mut path = Vec::new();
        if !visited[start] {
            visited[start] = true;
            on_path[start] = Some(0);
            path.push((start, successors[start].iter()));
        }
        while let Some((node, rest)) = path.last_mut() {
            let Some(&next) = rest.next() else {
                on_path[*node] = None;
                path.pop();
                continue;
            };
            if let Some(place) = on_path[next] {
                let cycle: Vec<_> = path[place..].iter().map(|(node, _)| *node).collect();
                if !cycle.iter().any(|node| in_cycle[*node]) {
                    cycle.iter().for_each(|node| in_cycle[*node] = true);
                    found.push(cycle);
                }
            } else if !visited[next] {
                visited[next] = true;
                on_path[next] = Some(path.len());
                path.push((next, successors[next].iter()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_cycles() {
        assert_eq!(cycles(&[vec![1], vec![2], vec![]]), Vec::<Vec<usize>>::new());
        assert_eq!(cycles(&[vec![0]]), [vec![0]]);
        assert_eq!(cycles(&[vec![1], vec![2, 3], vec![1], vec![]]), [vec![1, 2]]);
        assert_eq!(cycles(&[vec![1], vec![0], vec![3], vec![2, 2]]), [vec![0, 1], vec![2, 3]]);
        assert_eq!(cycles(&[vec![1, 2], vec![2], vec![0]]), [vec![0, 1, 2]]);
    }

    #[test]
    fn long_paths_need_no_stack() {
        let chain: Vec<_> = (1..=100_000).map(|next| vec![next % 100_000]).collect();
        assert_eq!(cycles(&chain)[0].len(), 100_000);
    }
}
